// Package soak uses Galago for minutes on end as people do, at random, and watches what that does to its answers, its
// memory and what it leaves behind. Run it with make soak; the tests say what is done and what is checked.
package soak
