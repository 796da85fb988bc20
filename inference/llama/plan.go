package llama

import (
	"context"

	"galago/inference/protocol"
	"galago/inference/worker"
)

// Plan implements worker.Backend.
func (b *Backend) Plan(context.Context, protocol.Load) (protocol.Planned, error) {
	return protocol.Planned{}, &worker.Failure{Code: protocol.CodeInternal, Op: "plan"}
}
