#!/usr/bin/env bash
# Tests the packages in build/packages as a person uses them: each is installed where nothing else is, asked about a picture, opened in
# a window, and removed again; then nothing but what the person made may be left.
#
#   test-packages.sh              everything
#   test-packages.sh linux        tar.xz and .deb, in fresh Debian systems (chroots without a network; this needs root)
#   test-packages.sh windows      zip and installer, under Wine (scripts/test-packages-windows.sh has them)
#
# Ends in a line that counts. The fresh systems are made once, by debootstrap, in build/chroots (GALAGO_DEBIAN_MIRROR names another
# mirror than the one this system's apt uses); pictures of the windows and what the programs said go to build/test-packages.
set -uo pipefail
cd "$(dirname "$0")/.."
. scripts/versions.env

export LC_ALL=C TZ=UTC
umask 022
version=$(sed -n 's/^ *Version *= *"\(.*\)"/\1/p' FyneApp.toml)
id=$(sed -n 's/^ *ID *= *"\(.*\)"/\1/p' FyneApp.toml)
tarball=build/packages/galago-$version-linux-amd64.tar.xz
deb=build/packages/galago_${version}_amd64.deb
shots=$PWD/build/test-packages
rooms=$PWD/build/test-packages/rooms # fresh systems in use
person="HOME=/home/anna USER=anna PATH=/usr/bin:/bin LANG=C.UTF-8"
passed=0 failed=0 skipped=0
patience=${GALAGO_PATIENCE:-180} # seconds, for a machine that others use too

# try runs a test, a function, which fails with the first of its commands that does.
try() { # WHAT FUNCTION ARGUMENTS...
	local what=$1 log
	log=$shots/$(tr -cs 'a-zA-Z0-9' - <<<"$what").log
	shift
	(set -e; "$@") >"$log" 2>&1
	case $? in
	0) passed=$((passed + 1)) && echo "ok    $what" ;;
	77) skipped=$((skipped + 1)) && echo "skip  $what: $(tail -n 1 "$log")" ;;
	*) failed=$((failed + 1)) && echo "FAIL  $what" && tail -n 25 "$log" | sed 's/^/      /' ;;
	esac
}

skip() { skipped=$((skipped + 1)) && echo "skip  $1: $2"; }

# base makes a Debian system with nothing but what Debian cannot be without.
base() { # SUITE
	local to=build/chroots/$1 mirror=${GALAGO_DEBIAN_MIRROR:-}
	[ -f "$to/.made" ] && return
	[ -n "$mirror" ] || mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' 'Label: Debian' | head -n 1)
	rm -rf "$to" && mkdir -p build/chroots
	echo "Making a fresh Debian system ($1)"
	# shellcheck disable=SC2086 # without a mirror debootstrap has one of its own
	debootstrap --variant=minbase "$1" "$to" $mirror >"build/chroots/$1.log" 2>&1 || { tail -n 5 "build/chroots/$1.log"; rm -rf "$to"; return 1; }
	# What this system's apt was told about its mirrors holds there too.
	apt-config dump | grep -E '^Acquire::(Check-|http|https|Retries|AllowInsecure)' >"$to/etc/apt/apt.conf.d/99host"
	printf 'APT::Install-Recommends "false";\nAPT::Install-Suggests "false";\nAPT::Sandbox::User "root";\n' >"$to/etc/apt/apt.conf.d/98plain"
	chroot "$to" useradd -m anna
	touch "$to/.made"
}

# room copies a base for one test: whatever happens there is gone afterwards.
room() { # SUITE NAME
	rm -rf "${rooms:?}/$2" && mkdir -p "$rooms"
	cp -a --reflink=auto "build/chroots/$1" "$rooms/$2"
	mkdir -p "$rooms/$2/debs" && cp "$deb" "$tarball" "$rooms/$2/debs/"
	cp /etc/resolv.conf "$rooms/$2/etc/resolv.conf"
	mkdir -p "$rooms/$2/home/anna" && cp assets/samples/shapes.png "$rooms/$2/home/anna/"
}

# within runs a command in a room: as root with a network, as root alone, or as Anna, who has no network either. Mounts and processes end with it.
within() { # NAME root|alone|anna COMMAND...
	local dir=$rooms/$1 who=$2
	shift 2
	local apart="--mount --propagation private --pid --fork --kill-child" user=0:0 env="HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive"
	[ "$who" = root ] || apart="$apart --net"
	[ "$who" != anna ] || user=1000:1000 env="$person ${extra:-}"
	# shellcheck disable=SC2086,SC2016 # lists of words on purpose; the text is the inner shell's
	timeout -k 5 $((patience * 3)) unshare $apart -- bash -c '
		set -e
		dir=$1 user=$2 && shift 2
		mount -t proc proc "$dir/proc"
		mount --rbind /dev "$dir/dev"
		mkdir -p -m 1777 "$dir/tmp/.X11-unix" && mount --bind /tmp/.X11-unix "$dir/tmp/.X11-unix"
		exec chroot --userspec="$user" "$dir" "$@"' - "$dir" $user env -i $env "LC_ALL=C.UTF-8" "$@"
}

# apt installs packages in a room. What was fetched is kept for the next test.
apt() { # NAME PACKAGES...
	local name=$1 keep=$PWD/build/chroots/archives
	shift
	mkdir -p "$keep"
	cp -u "$keep"/*.deb "$rooms/$name/var/cache/apt/archives/" 2>/dev/null || true
	[ -f "$rooms/$name/.fresh" ] || { within "$name" root apt-get update -qq && touch "$rooms/$name/.fresh"; }
	within "$name" root apt-get install -y -qq -o Dpkg::Use-Pty=0 -o APT::Keep-Downloaded-Packages=true "$@"
	cp -u "$rooms/$name"/var/cache/apt/archives/*.deb "$keep/" 2>/dev/null || true
}

# files lists all that lies in a room but what apt keeps for itself and what is mounted there.
files() { # NAME
	(cd "$rooms/$1" && find . \( -path ./proc -o -path ./dev -o -path ./tmp/.X11-unix -o -path ./var/cache/apt -o -path ./var/lib/apt -o \
		-path ./var/log -o -path './var/lib/dpkg/*-old' -o -path ./.fresh -o -path ./home/anna \) -prune -o -print | sort)
}

# asked makes sure that the engine answers rightly about the sample: a red circle, a blue square, a green triangle.
asked() { # NAME ENGINE
	local answer
	answer=$(within "$1" anna "$2" ask --image /home/anna/shapes.png "What colour is the triangle?")
	echo "$answer"
	grep -qiw "$colour" <<<"$answer"
}

doctor() { # NAME ENGINE
	local said
	said=$(within "$1" anna "$2" doctor)
	echo "$said"
	grep -q "$version" <<<"$said"
}

# none fails when there is a line on its standard input.
none() {
	if grep .; then
		echo "^ should not be there."
		return 1
	fi
}

# until_line waits for a line of what the window is told to show.
until_line() { # FILE PATTERN
	local end=$((SECONDS + patience))
	while ! grep -q "$2" "$1" 2>/dev/null; do
		[ $SECONDS -lt $end ] || { echo "After $patience s there was no $2 in:"; tail -n 5 "$1"; return 1; }
		kill -0 "$window" 2>/dev/null || { echo "The window ended:"; cat "$1.said"; return 1; }
		pause
	done
}

pause() { read -rt "${1:-0.2}" <> <(:) || true; }

# converse asks in the window that was opened with the sample attached, and takes a picture of the answer.
converse() { # STATE SHOT
	local rc=0
	{
		until_line "$1" '"event":"model","name":' &&
			until_line "$1" '"event":"attachments".*shapes.png' &&
			xdotool search --sync --onlyvisible --name '^Galago$' windowactivate --sync &&
			pause 2 && xdotool mousemove 600 685 click 1 && # where the question is typed, once the first frames are drawn
			xdotool type --delay 40 "What colour is the triangle?" && xdotool key Return &&
			until_line "$1" '"event":"turn".*"state":"done"' &&
			grep '"state":"done"' "$1" | tail -n 1 | grep -qi "\"answer\":\"[^\"]*$colour"
	} || rc=1
	import -window root "$shots/$2.png"
	grep '"event":"turn"' "$1" | tail -n 1
	return $rc
}

# close_window closes the window as a person does, and kills what hangs.
close_window() {
	timeout 60 xdotool search --sync --onlyvisible --name '^Galago$' windowactivate --sync key alt+F4 || true
	timeout "$patience" tail --pid="$window" -f /dev/null || { kill "$window"; return 1; }
}

# open opens the window with the sample attached, asks, and takes a picture of the answer. Settings and data lie where a person's do.
open_window() { # NAME PROGRAM SHOT [SETTINGS ELSEWHERE [WHAT IT TELLS IN THE END]]
	local name=$1 home=$rooms/$1/home/anna state rc=0
	state=$home/state.jsonl
	rm -f "$state"
	if [ ! -e "$home/.config/galago/settings.json" ] && [ -z "${4:-}" ]; then
		mkdir -p "$home/.config/galago" && echo '{"temperature": 0, "welcomed": true}' >"$home/.config/galago/settings.json"
	fi
	[ -z "${4:-}" ] || { mkdir -p "${4%/*}" && echo '{"temperature": 0, "welcomed": true}' >"$4"; }
	chown -R 1000:1000 "$home"
	extra="DISPLAY=$DISPLAY LIBGL_ALWAYS_SOFTWARE=1 GALAGO_TEST_STATE=/home/anna/state.jsonl DBUS_SESSION_BUS_ADDRESS=unix:path=/nowhere" \
		within "$name" anna "$2" /home/anna/shapes.png >"$state.said" 2>&1 &
	window=$!
	converse "$state" "$3" || rc=1
	[ -z "${5:-}" ] || until_line "$state" "$5" || rc=1
	cat "$state.said"
	close_window || rc=1
	rm -f "$state" "$state.said"
	return $rc
}

# libraries are the packages that README.txt asks for on a bare system.
libraries() { awk '!/^#/ && ($2 == "needed" || $2 == "opened") { print $3 }' packaging/linux/libraries | sort -u; }

# listing is every file and folder below a folder.
listing() { (cd "$1" && find . -mindepth 1 | sed 's|^\./||' | sort); }

# contains_only makes sure that a folder has something for each pattern, and nothing else.
contains_only() { # FOLDER PATTERNS...
	local folder=$1 all pattern
	shift
	for pattern; do
		listing "$folder" | grep -qxE "$pattern" || { echo "There is no $pattern in $folder."; return 1; }
	done
	all=$(printf '|%s' "$@")
	if listing "$folder" | grep -vxE "${all:1}"; then
		echo "^ is in $folder and should not be."
		return 1
	fi
}

# --- tar.xz

libraries_of_ours=('lib' 'lib/libffi\.so\.8' 'lib/libggml-cpu-[a-z0-9_]+\.so' 'lib/lib(ggml|ggml-base|llama|mtmd)\.so(\.[0-9]+)*')
model_of_ours=('demo' 'demo/[A-Za-z0-9._-]+\.gguf' 'demo/manifest\.json')
tar_contents=(
	'galago' 'galago-engine' 'menu-entry' 'README\.txt' 'LICENSE' 'THIRD_PARTY_LICENSES\.txt' 'sbom\.cdx\.json'
	'desktop' "desktop/$id\.desktop" "desktop/$id\.svg" "desktop/$id\.xml" "${libraries_of_ours[@]}" "${model_of_ours[@]}"
)

# Its folder has spaces and letters that are not English, and lies where Anna may write.
folder="/home/anna/Gäste & Söhne/木 galago"

unpack() {
	mkdir -p "$rooms/$1$folder"
	tar -xJf "$tarball" -C "$rooms/$1$folder" --strip-components=1
	chown -R 1000:1000 "$rooms/$1/home/anna"
	contains_only "$rooms/$1$folder" "${tar_contents[@]}"
}

# Where the libraries of a desktop are missing, the engine works all the same, and the window's loader names what is missing.
bare() {
	local said
	if said=$(within "$1" anna "$folder/galago" -version 2>&1); then return 1; fi
	echo "$said"
	grep -q 'libGL.so.1\|libX11.so.6' <<<"$said"
}

menu() {
	local share=$rooms/$1/home/anna/.local/share
	within "$1" anna "$folder/menu-entry" add
	cat "$share/applications/$id.desktop"
	desktop-file-validate "$share/applications/$id.desktop"
	grep -qF "Exec=\"$folder/galago\" %F" "$share/applications/$id.desktop"
	[ -s "$share/icons/hicolor/scalable/apps/$id.svg" ] && [ -s "$share/mime/packages/$id.xml" ]
	within "$1" anna "$folder/menu-entry" remove
	none < <(find "$share" -name "$id*")
}

# With the file "portable" nothing is written outside the folder.
portable() {
	local home=$rooms/$1/home/anna
	rm -rf "$home"/.[a-z]*
	touch "$rooms/$1$folder/portable"
	chown 1000:1000 "$rooms/$1$folder/portable"
	within "$1" anna "$folder/galago-engine" ask --image /home/anna/shapes.png "What shape is red?"
	open_window "$1" "$folder/galago" "$2" "$rooms/$1$folder/data/config/galago/settings.json"
	find "$rooms/$1$folder/data" -type f
	[ -n "$(find "$rooms/$1$folder/data" -name '*.db' -o -name '*.sqlite')" ]
	none < <(find "$home" -mindepth 1 -not -path "$rooms/$1$folder*" -not -path "$home/Gäste & Söhne" -not -name shapes.png)
}

# The portable folder is moved, and what was said in it is still there.
moved() {
	local was="$folder"
	folder="/home/anna/a stick/galago"
	mkdir -p "${rooms:?}/$1${folder%/*}"
	mv "$rooms/$1$was" "$rooms/$1$folder"
	rmdir -p "$rooms/$1${was%/*}" 2>/dev/null || true
	open_window "$1" "$folder/galago" "$2" "$rooms/$1$folder/data/config/galago/settings.json" '"event":"conversations","items":\[.*,.*\]'
	none < <(find "$rooms/$1/home/anna" -mindepth 1 -not -path "$rooms/$1/home/anna/a stick*" -not -path "$rooms/$1/home/anna/Gäste*" -not -name shapes.png)
	rm -rf "${rooms:?}/$1/home/anna/a stick"
}

gone_folder() {
	rm -rf "${rooms:?}/$1$folder"
	files "$1" >"$shots/$1-after.txt"
	diff "$shots/$1-before.txt" "$shots/$1-after.txt"
}

try_tar() { # SUITE
	local n=tar-$1
	room "$1" $n
	try "$1: tar.xz unpacks, into a folder with spaces and Unicode" unpack $n
	files $n >"$shots/$n-before.txt"
	try "$1: tar.xz, nothing installed: doctor" doctor $n "$folder/galago-engine"
	try "$1: tar.xz, nothing installed: the engine answers about a picture" asked $n "$folder/galago-engine"
	try "$1: tar.xz, nothing installed: the window says which library is missing" bare $n
	try "$1: tar.xz: an entry in the menu, and out again" menu $n
	# shellcheck disable=SC2046 # a list of words on purpose
	try "$1: tar.xz: the packages that README.txt names can be had" apt $n $(libraries)
	files $n >"$shots/$n-before.txt"
	try "$1: tar.xz: the window answers about a picture" open_window $n "$folder/galago" "$n-window"
	try "$1: tar.xz: with a file portable everything stays in the folder" portable $n "$n-portable"
	try "$1: tar.xz: portable, moved: the conversations moved along" moved $n "$n-moved"
	try "$1: tar.xz: the folder removed, nothing is left" gone_folder $n
	rm -rf "${rooms:?}/$n"
}

# --- .deb

# Its dependencies are installed first: then dpkg alone must be content, and what it leaves can be told from what they do.
depend() {
	local needs
	needs=$(dpkg-deb -f "$deb" Depends | tr ',' '\n' | sed 's/(.*//; s/ //g')
	# shellcheck disable=SC2086 # a list of words on purpose
	apt "$1" $needs
}

deb_contents=(
	'bin' 'bin/galago' 'bin/galago-engine' 'lib' 'lib/galago' 'lib/galago/galago' 'lib/galago/galago-engine'
	"${libraries_of_ours[@]/#/lib/galago/}" "${model_of_ours[@]/#/lib/galago/}" 'share' 'share/(applications|doc|icons|man|metainfo|mime)'
	"share/applications/$id\.desktop" "share/metainfo/$id\.metainfo\.xml" 'share/mime/packages' "share/mime/packages/$id\.xml"
	'share/doc/galago' 'share/doc/galago/(THIRD_PARTY_LICENSES\.txt\.gz|changelog\.gz|copyright|sbom\.cdx\.json)'
	'share/icons/hicolor(/([0-9]+x[0-9]+|scalable)(/apps)?)?' "share/icons/hicolor/([0-9]+x[0-9]+|scalable)/apps/$id\.(png|svg)"
	'share/man/man1' 'share/man/man1/galago(-engine)?\.1\.gz'
)

has() {
	local to=$rooms/$1/unpacked
	dpkg-deb -x "$deb" "$to"
	contains_only "$to/usr" "${deb_contents[@]}"
	diff <(listing "$to" | grep -v '^usr') /dev/null
	rm -rf "${to:?}"
	[ "$(dpkg-deb -f "$deb" Version)" = "$version" ]
}

# dpkg is on its own: without a network.
install() {
	within "$1" alone dpkg -i "/debs/${deb##*/}"
	within "$1" root dpkg --verify galago
	[ "$(within "$1" anna galago -version)" != "" ]
}

purge() {
	ls -A "$rooms/$1/home/anna/.local/share/galago" >"$shots/$1-mine.txt"
	within "$1" alone dpkg -P galago
	files "$1" >"$shots/$1-after.txt"
	diff "$shots/$1-before.txt" "$shots/$1-after.txt"
	ls -A "$rooms/$1/home/anna/.local/share/galago" | diff "$shots/$1-mine.txt" -
	[ -s "$shots/$1-mine.txt" ]
}

# On a desktop, file managers know what Galago opens, and forget it with the package.
desktop() {
	local cache=$rooms/$1/usr/share/applications/mimeinfo.cache kind
	apt "$1" desktop-file-utils shared-mime-info libglib2.0-bin
	apt "$1" "/debs/${deb##*/}"
	for kind in image/png image/jpeg image/webp image/heif image/avif image/tiff application/x-gguf; do
		grep "^$kind=.*$id.desktop" "$cache"
	done
	cat >"$rooms/$1/home/anna/start" <<-END
		#!/bin/sh
		gio launch /usr/share/applications/$id.desktop "\$@" || exec galago "\$@" # Debian 11's gio cannot
		sleep 2
		while grep -qsx galago /proc/[0-9]*/comm; do sleep 0.2; done
	END
	chmod 755 "$rooms/$1/home/anna/start"
	cp build/release/bin/demo/*mmproj*.gguf "$rooms/$1/home/anna/named otherwise"
	within "$1" anna gio info -a standard::content-type "/home/anna/named otherwise" | grep application/x-gguf
	# As a click on the desktop does. The room ends with its first process, so that waits for the window.
	open_window "$1" /home/anna/start "$1-desktop"
	within "$1" alone dpkg -P galago
	none < <(grep "$id" "$cache")
	none < <(grep -rl "gguf" "$rooms/$1/usr/share/mime")
}

try_deb() { # SUITE
	local n=deb-$1
	room "$1" $n
	try "$1: .deb: what it depends on can be had" depend $n
	try "$1: .deb: has what it should have and nothing else" has $n
	files $n >"$shots/$n-before.txt"
	try "$1: .deb: dpkg installs it" install $n
	try "$1: .deb: doctor, through the link in /usr/bin" doctor $n galago-engine
	try "$1: .deb: the engine answers about a picture" asked $n galago-engine
	try "$1: .deb: the window answers about a picture, through the link in /usr/bin" open_window $n galago "$n-window"
	try "$1: .deb: purged, nothing is left but what Anna made" purge $n
	try "$1: .deb: pictures and GGUF files are opened with it, until it is removed" desktop $n
	rm -rf "${rooms:?}/$n"
}

# Made again from the same files, elsewhere, both packages have the same bytes.
linux_same() {
	local dir=$PWD/build/test-packages/again
	rm -rf "$dir" && mkdir -p "$dir/elsewhere"
	cp -a "build/packages/stage/galago-$version-linux-amd64" "$dir/elsewhere/"
	SOURCE_DATE_EPOCH=$(cat build/packages/stage/epoch) GALAGO_PACKAGES=$dir scripts/packages.sh again "$dir/elsewhere/galago-$version-linux-amd64"
	cmp "$dir/${tarball##*/}" "$tarball"
	cmp "$dir/${deb##*/}" "$deb"
	rm -rf "$dir"
}

. scripts/test-packages-windows.sh

# --- what all need

colour=green # of the sample's triangle; assets/samples/samples.json has it

begin_screen() {
	local number
	[ -z "${xvfb:-}" ] || return 0
	exec 9<> <(:)
	Xvfb -displayfd 9 -screen 0 1200x780x24 -nolisten tcp +extension GLX >/dev/null 2>&1 9>&9 &
	xvfb=$!
	read -r -t 30 number <&9 || { echo "Xvfb does not start." >&2; exit 1; }
	export DISPLAY=:$number
	openbox >/dev/null 2>&1 &
	openbox=$!
	trap 'kill $openbox $xvfb 2>/dev/null; rm -rf "$rooms"' EXIT
}

linux() {
	local suite
	if [ "$(id -u)" != 0 ]; then
		echo "The Linux packages are tested in fresh systems, which only root can make: run sudo scripts/test-packages.sh linux." >&2
		failed=$((failed + 1))
		return
	fi
	for suite in "$tarball" "$deb"; do
		[ -f "$suite" ] || { echo "$suite is not there: run make packages first." >&2; failed=$((failed + 1)); return; }
	done
	if ! unshare --mount --net --pid --fork true 2>/dev/null; then
		skip "the Linux packages" "this machine (a container, perhaps) does not let root make namespaces"
		return
	fi
	try "Linux: the same bytes from the same files" linux_same
	begin_screen
	# Debian 11 is the oldest system that is promised: glibc 2.31.
	for suite in bookworm bullseye; do
		if base "$suite"; then
			try_tar "$suite"
			try_deb "$suite"
		else
			skip "Debian $suite" "debootstrap could not fetch it from this system's mirror (build/chroots/$suite.log)"
		fi
	done
}

mkdir -p "$shots"
case ${1:-all} in
all)
	linux
	windows
	;;
linux | windows) "$1" ;;
*) echo "test-packages.sh: there is no part $1; linux and windows are." >&2; exit 2 ;;
esac
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
