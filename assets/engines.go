package assets

import _ "embed"

// Engines is engines.json: the CUDA engines that can be installed, with the digests of their archives and where those
// come from (see inference/engines).
//
//go:embed engines.json
var Engines []byte
