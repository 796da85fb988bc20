//go:build !linux

package portal

import "context"

// Find asks what there is: nothing.
func Find(context.Context) Offers { return Offers{} }

// ChooseFiles is not there.
func ChooseFiles(context.Context, Ask) ([]string, error) { return nil, ErrNone }

// Screenshot is not there.
func Screenshot(context.Context, string) (string, error) { return "", ErrNone }
