// Package e2e tests Galago from outside: the built programs, a real window on a screen of its own, real drops, and
// what a person would see. It needs build/bin (make build) and the programs that package desktop names.
package e2e
