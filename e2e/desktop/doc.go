// Package desktop is a screen for tests: Xvfb with openbox as the window manager, a keyboard, a mouse and screenshots.
// Every Desktop is a display of its own, so tests do not meet.
package desktop
