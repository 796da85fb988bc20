# shellcheck shell=bash
# The tests of the zip and the installer for Windows, under Wine. Read by scripts/test-packages.sh, whose functions it uses.

zip=build/packages/galago-$version-windows-amd64.zip
setup=build/packages/galago-$version-windows-amd64-setup.exe
prefix=$PWD/build/test-packages/wine # a Windows of the tests' own
wine64=/usr/lib/wine/wine64

# windows_begin makes a Windows that has nothing of Galago.
windows_begin() {
	scripts/wine.sh
	rm -rf "$prefix" && mkdir -p "$prefix"
	cp -a --reflink=auto build/wine/. "$prefix/"
	export WINEPREFIX=$prefix WINEARCH=win64 WINEDEBUG=-all WINEDLLOVERRIDES="mscoree,mshtml=;winemenubuilder.exe=d"
	export LIBGL_ALWAYS_SOFTWARE=1 LANG=C.UTF-8 LC_ALL=C.UTF-8 FYNE_SCALE=1
	unset XDG_CONFIG_HOME XDG_DATA_HOME XDG_STATE_HOME XDG_CACHE_HOME XDG_RUNTIME_DIR
	wineserver -p
	"$wine64" wineboot >/dev/null 2>&1
	home=$(dirname "$(dirname "$(echo "$prefix"/drive_c/users/*/AppData/Local)")")
	appdata=$home/AppData/Local
	cp assets/samples/shapes.png "$home/"
	installed=$appdata/Programs/Galago
	menu_entry="$home/AppData/Roaming/Microsoft/Windows/Start Menu/Programs/Galago.lnk"
}

windows_end() {
	wineserver -k
	rm -rf "$prefix"
}

# windows_path is what Windows calls a file of drive C:.
windows_path() { sed "s|^$prefix/drive_c|C:|; s|/|\\\\|g" <<<"$1"; }

# wine_run runs a program to its end. Its exit code is the program's.
wine_run() { timeout -k 5 $((patience * 2)) "$wine64" "$@" </dev/null; }

# until_gone waits for what an uninstaller does after it has returned.
until_gone() {
	local end=$((SECONDS + patience))
	while [ -e "$1" ]; do
		[ $SECONDS -lt $end ] || { echo "After $patience s there is still $1:"; listing "$1"; return 1; }
		pause
	done
}

# What the zip and the installer have.
windows_contents=(
	'galago\.exe' 'galago-engine\.exe' 'LICENSE' 'THIRD_PARTY_LICENSES\.txt' 'sbom\.cdx\.json'
	'lib' 'lib/(lib)?(ffi|ggml|ggml-base|ggml-cpu-[a-z0-9_]+|llama|mtmd|gcc_s_seh|stdc\+\+|winpthread)(-[0-9]+)?\.dll'
	'demo' 'demo/[A-Za-z0-9._-]+\.gguf' 'demo/manifest\.json'
)

windows_answers() { # FOLDER OF THE PROGRAMS
	local answer
	answer=$(wine_run "$1/galago-engine.exe" ask --image "$(windows_path "$home/shapes.png")" "What colour is the triangle?")
	echo "$answer"
	grep -qiw "$colour" <<<"$answer"
}

windows_doctor() { # FOLDER
	local said
	said=$(wine_run "$1/galago-engine.exe" doctor)
	echo "$said"
	grep -q "$version" <<<"$said"
	# Whatever the doctor finds, nothing that the package should have had is missing.
	if grep -i 'not found\|cannot be loaded' <<<"$said" | grep -i 'llama\|ggml\|demo\|ffi'; then return 1; fi
}

windows_window() { # PROGRAM SETTINGS SHOT [ARGUMENTS...]
	local program=$1 settings=$2 shot=$3 state=$prefix/drive_c/state.jsonl rc=0
	shift 3
	rm -f "$state"
	[ -e "$settings" ] || { mkdir -p "${settings%/*}" && echo '{"temperature": 0, "welcomed": true}' >"$settings"; }
	GALAGO_TEST_STATE='C:\state.jsonl' "$wine64" "$program" "$(windows_path "$home/shapes.png")" >"$state.said" 2>&1 &
	window=$!
	converse "$state" "$shot" || rc=1
	cat "$state.said"
	close_window || rc=1
	rm -f "$state" "$state.said"
	return $rc
}

# --- zip

windows_folder() { echo "$prefix/drive_c/Bilder & Söhne/木 galago"; }

windows_unpack() {
	local to
	to=$(windows_folder)
	mkdir -p "${to%/*}"
	unzip -q "$zip" -d "$to.all"
	mv "$to.all/galago-$version-windows-amd64" "$to"
	rmdir "$to.all" # there is one folder in it, and nothing beside
	contains_only "$to" "${windows_contents[@]}"
	diff <(listing "$to") <(listing "build/packages/stage/galago-$version-windows-amd64")
}

windows_portable() {
	local folder before after
	folder=$(windows_folder)
	rm -rf "$appdata/galago"
	before=$(listing "$home")
	touch "$folder/portable"
	windows_window "$folder/galago.exe" "$folder/data/config/galago/settings.json" windows-portable
	find "$folder/data" -type f
	[ -n "$(find "$folder/data" -name '*.db' -o -name '*.sqlite')" ]
	after=$(listing "$home")
	diff <(grep -v '/Temp' <<<"$before") <(grep -v '/Temp' <<<"$after")
	rm -rf "$folder"
}

# --- installer

# install_silently runs the installer; arguments are the installer's. It returns the installer's exit code.
install_silently() { wine_run "$setup" /S "$@"; }

registry() { # all that the person's registry says of Galago
	wine_run reg query 'HKCU\Software' /s 2>/dev/null | tr -d '\r' | grep -ai 'galago\|gguf' || true
}

windows_install() {
	[ -z "$(registry)" ]
	install_silently
	contains_only "$installed" "${windows_contents[@]}" 'files\.txt' 'uninstall\.exe'
	diff <(listing "$installed" | grep -vx 'files.txt\|uninstall.exe') <(listing "build/packages/stage/galago-$version-windows-amd64")
	[ -s "$menu_entry" ]
	registry
	local said
	said=$(registry)
	grep -q "$version" <<<"$(wine_run reg query "HKCU\\Software\\Microsoft\\Windows\\CurrentVersion\\Uninstall\\$id" /v DisplayVersion)"
	for word in 'QuietUninstallString' 'Applications.galago.exe.shell.open.command' '\.gguf.OpenWithProgids' '\.png' 'RegisteredApplications'; do
		grep -aq "$word" <<<"$said" || { echo "The registry says nothing of $word."; return 1; }
	done
}

# Over an earlier version: what that had and this has not goes, what the person put there stays.
windows_upgrade() {
	echo old >"$installed/lib/old.dll"
	sed -i '1i lib\\old.dll\r' "$installed/files.txt"
	echo mine >"$installed/my notes.txt"
	echo old >"$installed/galago-engine.exe"
	# A list that somebody has changed leads nowhere else.
	echo precious >"$appdata/Programs/precious.txt"
	sed -i '1i ..\\precious.txt\r' "$installed/files.txt"
	install_silently
	[ ! -e "$installed/lib/old.dll" ]
	[ "$(cat "$installed/my notes.txt")" = mine ]
	[ "$(cat "$appdata/Programs/precious.txt")" = precious ]
	rm "$installed/my notes.txt" "$appdata/Programs/precious.txt"
	cmp "$installed/galago-engine.exe" "build/packages/stage/galago-$version-windows-amd64/galago-engine.exe"
	contains_only "$installed" "${windows_contents[@]}" 'files\.txt' 'uninstall\.exe'
}

# Nothing is replaced while it runs, and nothing is half replaced.
windows_running() {
	local before rc=0
	before=$(cd "$installed" && find . -type f -exec sha256sum {} + | sort)
	GALAGO_TEST_STATE='C:\state.jsonl' "$wine64" "$installed/galago.exe" >/dev/null 2>&1 &
	window=$!
	until_line "$prefix/drive_c/state.jsonl" '"event":"model","name":'
	install_silently || rc=$?
	close_window
	rm -f "$prefix/drive_c/state.jsonl"
	echo "The installer's exit code is $rc."
	[ $rc = 2 ]
	diff <(echo "$before") <(cd "$installed" && find . -type f -exec sha256sum {} + | sort)
}

# A folder that has another galago.exe is not ours to write to.
windows_foreign() {
	local other=$prefix/drive_c/other rc=0
	mkdir -p "$other/lib" && echo mine >"$other/lib/mine.txt"
	echo "somebody else's" >"$other/galago.exe"
	install_silently '/D=C:\other' || rc=$?
	[ $rc != 0 ]
	[ "$(cat "$other/galago.exe")" = "somebody else's" ]
	diff <(listing "$other") <(printf '%s\n' galago.exe lib lib/mine.txt)
	[ -s "$installed/galago.exe" ]
	rm -r "$other"
}

# Another folder takes the place of the first, and takes its data along.
windows_elsewhere() {
	install_silently '/D=C:\Bilderprogramme-ü\Galago'
	[ -s "$prefix/drive_c/Bilderprogramme-ü/Galago/galago.exe" ]
	until_gone "$installed"
	grep -aq 'InstallLocation.*Bilderprogramme' <<<"$(registry)"
	install_silently "/D=$(windows_path "$installed")"
	until_gone "$prefix/drive_c/Bilderprogramme-ü/Galago"
	[ -s "$installed/galago.exe" ] && [ -s "$menu_entry" ]
}

windows_uninstall() {
	local data
	data=$(listing "$appdata/galago")
	grep -q conversations <<<"$data"
	echo mine >"$installed/my notes.txt"
	wine_run "$installed/uninstall.exe" /S
	until_gone "$installed/uninstall.exe"
	diff <(listing "$installed") <(echo "my notes.txt")
	rm -r "$installed"
	diff <(echo "$data") <(listing "$appdata/galago")
	[ ! -e "$menu_entry" ]
	registry
	[ -z "$(registry)" ]
}

# By hand: through the installer's pages, and then through the uninstaller's question.
windows_by_hand() {
	"$wine64" "$setup" >/dev/null 2>&1 &
	window=$!
	page 'Galago Setup' windows-setup-welcome
	xdotool key Return
	pause 2
	page 'Galago Setup' windows-setup-folder
	xdotool key Return
	until_file "$menu_entry"
	pause 2
	page 'Galago Setup' windows-setup-finish
	xdotool key Escape || true
	xdotool search --onlyvisible --name 'Galago Setup' windowclose || true
	[ -s "$installed/galago.exe" ]
	kill $window 2>/dev/null || true
}

windows_asks() {
	mkdir -p "$appdata/galago/models" && echo model >"$appdata/galago/models/mine.gguf"
	"$wine64" "$installed/uninstall.exe" >/dev/null 2>&1 &
	page 'Galago Uninstall' windows-uninstall
	xdotool key alt+c # the box of the conversations
	pause 1
	import -window root "$shots/windows-uninstall-ticked.png"
	xdotool key Return
	until_gone "$installed/galago.exe"
	until_gone "$appdata/galago/conversations"
	[ "$(cat "$appdata/galago/models/mine.gguf")" = model ]
	[ -s "$appdata/galago/settings.json" ]
	xdotool search --onlyvisible --name 'Galago Uninstall' windowclose || true
}

page() { # TITLE SHOT
	timeout "$patience" xdotool search --sync --onlyvisible --name "$1" windowactivate --sync >/dev/null
	pause 1
	import -window root "$shots/$2.png"
}

until_file() {
	local end=$((SECONDS + patience))
	while [ ! -s "$1" ]; do
		[ $SECONDS -lt $end ] || { echo "After $patience s there is no $1."; return 1; }
		pause
	done
}

# --- what the packages are made of

windows_resources() {
	local program stage="build/packages/stage/galago-$version-windows-amd64" texts kind
	for program in galago galago-engine; do
		grep -q '\.rsrc' <<<"$(x86_64-w64-mingw32-objdump -h "$stage/$program.exe")"
	done
	texts=$(strings -el "$stage/galago.exe")
	grep -qxF "$version" <<<"$texts" && grep -qx Galago <<<"$texts"
	# For Windows' loader: a window's program without a console, an engine with one.
	kind=$(x86_64-w64-mingw32-objdump -p "$stage/galago.exe") && grep -q 'Subsystem.*Windows GUI' <<<"$kind"
	kind=$(x86_64-w64-mingw32-objdump -p "$stage/galago-engine.exe") && grep -q 'Subsystem.*Windows CUI' <<<"$kind"
}

# A certificate that nobody trusts signs all the same: programs, libraries and the installer, and twice with the same bytes.
windows_signed() {
	local dir=$PWD/build/test-packages/signing stage="build/packages/stage/galago-$version-windows-amd64" file
	rm -rf "$dir" && mkdir -p "$dir"
	openssl req -x509 -newkey rsa:2048 -sha256 -days 30 -nodes -subj '/CN=Galago test' -addext 'extendedKeyUsage=codeSigning' \
		-keyout "$dir/key.pem" -out "$dir/cert.pem" 2>/dev/null
	echo -n secret >"$dir/password"
	openssl pkcs12 -export -inkey "$dir/key.pem" -in "$dir/cert.pem" -passout "file:$dir/password" -out "$dir/cert.p12"
	export GALAGO_SIGN_PKCS12=$dir/cert.p12 GALAGO_SIGN_PASSWORD_FILE=$dir/password
	GALAGO_PACKAGES=$dir/one scripts/packages-windows.sh "$stage"
	unzip -q "$dir/one/${zip##*/}" -d "$dir/zip"
	while read -r file; do
		osslsigncode verify -CAfile "$dir/cert.pem" -in "$file" >"$dir/verify.txt" 2>&1 || { cat "$dir/verify.txt"; return 1; }
	done < <(find "$dir/zip" -name '*.exe' -o -name '*.dll'; echo "$dir/one/${setup##*/}")
	grep -q 'Galago test' "$dir/verify.txt"
	# A byte changed, and the signature no longer holds.
	printf 'X' | dd of="$dir/one/${setup##*/}" bs=1 seek=1000000 conv=notrunc status=none
	if osslsigncode verify -CAfile "$dir/cert.pem" -in "$dir/one/${setup##*/}" >"$dir/verify.txt" 2>&1; then
		echo "A changed installer passes for signed."
		return 1
	fi
	unset GALAGO_SIGN_PASSWORD_FILE
	if scripts/sign-windows.sh "$setup" 2>"$dir/said"; then return 1; fi
	grep -q GALAGO_SIGN_PASSWORD_FILE "$dir/said"
	rm -rf "$dir"
}

# Made again from the same files, elsewhere, both packages have the same bytes.
windows_same() {
	local dir=$PWD/build/test-packages/again
	rm -rf "$dir" && mkdir -p "$dir/elsewhere"
	cp -r "build/packages/stage/galago-$version-windows-amd64" "$dir/elsewhere/"
	SOURCE_DATE_EPOCH=$(cat build/packages/stage/epoch) GALAGO_PACKAGES=$dir scripts/packages-windows.sh "$dir/elsewhere/galago-$version-windows-amd64"
	cmp "$dir/${zip##*/}" "$zip"
	cmp "$dir/${setup##*/}" "$setup"
	rm -rf "$dir"
}

windows() {
	local package
	for package in "$zip" "$setup"; do
		[ -f "$package" ] || { echo "$package is not there: run make packages first." >&2; failed=$((failed + 1)); return; }
	done
	if [ ! -x $wine64 ]; then
		skip "the Windows packages" "there is no 64-bit Wine here"
		return
	fi
	begin_screen
	windows_begin
	try "Windows: version, icon and the right kind of program" windows_resources
	try "zip: unpacks, and has what it should have and nothing else" windows_unpack
	try "zip: doctor" windows_doctor "$(windows_folder)"
	try "zip: the engine answers about a picture" windows_answers "$(windows_folder)"
	try "zip: the window answers about a picture" windows_window "$(windows_folder)/galago.exe" "$appdata/galago/settings.json" windows-zip
	try "zip: with a file portable everything stays in the folder" windows_portable
	try "setup: installs for one person, and nothing else" windows_install
	try "setup: doctor" windows_doctor "$installed"
	try "setup: the engine answers about a picture" windows_answers "$installed"
	try "setup: the window answers about a picture" windows_window "$installed/galago.exe" "$appdata/galago/settings.json" windows-installed
	try "setup: over an earlier version" windows_upgrade
	try "setup: changes nothing while Galago runs" windows_running
	try "setup: another's files stay as they are" windows_foreign
	try "setup: to another folder, and back" windows_elsewhere
	try "uninstall: only what the person made is left" windows_uninstall
	try "setup: by hand" windows_by_hand
	try "uninstall: asks what to delete" windows_asks
	try "packages: the same bytes from the same files" windows_same
	try "packages: signed with a certificate" windows_signed
	windows_end
}
