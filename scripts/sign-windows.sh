#!/usr/bin/env bash
# Signs programs and libraries for Windows in their place: "sign-windows.sh FILE...". Does nothing where no certificate is given:
#
#   GALAGO_SIGN_PKCS12          file with certificate and key
#   GALAGO_SIGN_PASSWORD_FILE   file with its password
#   GALAGO_SIGN_TIMESTAMP       address of a server that attests the time; without it nothing leaves this machine
#
# The time in the signature is SOURCE_DATE_EPOCH, where it is set: the same files signed again have the same bytes. What is signed
# already is left as it is.
set -euo pipefail
[ -n "${GALAGO_SIGN_PKCS12:-}" ] || exit 0
[ -n "${GALAGO_SIGN_PASSWORD_FILE:-}" ] || {
	echo "sign-windows.sh: GALAGO_SIGN_PKCS12 is given without GALAGO_SIGN_PASSWORD_FILE, the file with its password." >&2
	exit 1
}
name=$(sed -n 's/^ *Name *= *"\(.*\)"/\1/p' "$(dirname "$0")/../FyneApp.toml")
options=(-pkcs12 "$GALAGO_SIGN_PKCS12" -readpass "$GALAGO_SIGN_PASSWORD_FILE" -h sha256 -n "$name")
[ -z "${SOURCE_DATE_EPOCH:-}" ] || options+=(-time "$SOURCE_DATE_EPOCH")
[ -z "${GALAGO_SIGN_TIMESTAMP:-}" ] || options+=(-ts "$GALAGO_SIGN_TIMESTAMP")
for file; do
	if osslsigncode extract-signature -in "$file" -out "$file.signature" >/dev/null 2>&1; then
		rm -f "$file.signature"
		continue
	fi
	rm -f "$file.signature"
	osslsigncode sign "${options[@]}" -in "$file" -out "$file.signed" >"$file.log" 2>&1 || {
		cat "$file.log" >&2
		rm -f "$file.signed" "$file.log"
		exit 1
	}
	rm -f "$file.log"
	chmod --reference="$file" "$file.signed"
	mv "$file.signed" "$file"
done
