package ui

type diagnosisPage struct{}

// SetDiagnosis fills the page of diagnostics.
func (w *Window) SetDiagnosis(Diagnosis) {}

// ShowDiagnosis opens the page of diagnostics.
func (w *Window) ShowDiagnosis() {}
