#!/usr/bin/env bash
# Installs the system packages that Galago needs: "build" for building, "test" for testing, "windows" for cross-building to
# Windows and running that under Wine, "packages" for making and testing packages.
# Does nothing, quickly, when all are there. On a system without apt-get it names them and stops.
set -euo pipefail

build="build-essential cmake ninja-build ccache pkg-config git openssl libgl1-mesa-dev xorg-dev libffi8"
test="xvfb openbox xclip dbus-daemon xdotool imagemagick x11-utils libgl1-mesa-dri fonts-dejavu-core"
windows="g++-mingw-w64-x86-64 wine wine64"
packages="python3-pip patchelf nsis osslsigncode xz-utils zip unzip debootstrap desktop-file-utils appstream"

wanted=$build
case ${1:-build} in
test) wanted="$build $test" ;;
windows) wanted="$build $test $windows" ;;
packages) wanted="$build $test $windows $packages" ;;
esac

missing=""
if command -v dpkg-query >/dev/null; then
	for p in $wanted; do
		dpkg-query -W -f='${db:Status-Status}\n' "$p" 2>/dev/null | grep -qx installed || missing="$missing $p"
	done
	[ -z "$missing" ] && exit 0
fi

if ! command -v apt-get >/dev/null; then
	# Not Debian or Ubuntu: we cannot know the names there, but we can see whether the tools are there.
	need=""
	for tool in cc c++ cmake ninja pkg-config; do command -v "$tool" >/dev/null || need="$need $tool"; done
	pkg-config --exists gl x11 xcursor xrandr xinerama xi xxf86vm 2>/dev/null || need="$need OpenGL-and-X11-headers"
	[ "${1:-build}" = build ] || for tool in Xvfb openbox xdotool import; do
		command -v "$tool" >/dev/null || need="$need $tool"
	done
	[ -z "$need" ] && exit 0
	echo "Galago's build found no apt-get here, and these are missing:$need" >&2
	echo "Please install what your distribution calls these Debian packages, then try again:" >&2
	echo "  $wanted" >&2
	exit 1
fi

sudo=""
if [ "$(id -u)" != 0 ]; then
	command -v sudo >/dev/null || { echo "Please install these packages as root:$missing" >&2; exit 1; }
	sudo=sudo
fi
echo "Installing system packages:$missing"
export DEBIAN_FRONTEND=noninteractive
$sudo apt-get update -qq
# shellcheck disable=SC2086 # a list of words on purpose
$sudo apt-get install -y -qq --no-install-recommends $missing
