package assets

import _ "embed"

// Catalogue is the list of recommended models as JSON. Package app/library/catalogue reads it; catalogue.md says where its
// figures come from.
//
//go:embed catalogue.json
var Catalogue []byte
