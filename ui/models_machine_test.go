package ui

import "testing"

func TestDiagnosticsOpenFromThePageOfModels(t *testing.T) {
	w, p, _ := modelsSheet(t, sampleModels())
	press(t, p.machine.look)
	if w.diagnosed == nil {
		t.Error("the button does nothing")
	}
}
