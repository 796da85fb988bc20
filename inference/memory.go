package inference

import "context"

// Unload ends the worker; see Client.
func (s *Service) Unload(ctx context.Context) (Cleared, error) { return Cleared{}, nil }

// Configure sets the Policy; see Client.
func (s *Service) Configure(p Policy) {}

// Lift undoes reductions; see Client.
func (s *Service) Lift() {}
