package app

import (
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// peerIsUs reports whether the other end of a connection is a program of this person. The kernel knows.
func peerIsUs(conn *net.UnixConn) bool {
	raw, err := conn.SyscallConn()
	if err != nil {
		return false
	}
	us := false
	err = raw.Control(func(fd uintptr) {
		peer, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
		us = err == nil && int(peer.Uid) == os.Geteuid()
	})
	return err == nil && us
}
