// Package families holds tests of the whole engine with models that the repository does not carry: one of random weights
// for every family of projectors that Galago supports, and a real one, which `make test-models` fetches. Nothing imports it.
package families
