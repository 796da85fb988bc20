package preflight

import "os"

// The doctor's reports where it cannot start itself; see galago/inference/doctor. They name no folder: a report is made
// to be shown to others.
const (
	summary = "Galago cannot answer here until what is missing is there."
	found   = `"what": "libffi", "found": "", ` +
		`"problem": "libffi.so.8 is missing, so that llama.cpp cannot be called. It belongs into <program>/lib.", ` +
		`"cure": "Install Galago again, or your system's package libffi8."`

	text = `galago-engine

  missing  libffi: libffi.so.8 is missing, so that llama.cpp cannot be called. It belongs into
           <program>/lib.
        -> Install Galago again, or your system's package libffi8.

` + summary + "\n"

	textInJSON = `galago-engine\n\n` +
		`  missing  libffi: libffi.so.8 is missing, so that llama.cpp cannot be called. It belongs into\n` +
		`           <program>/lib.\n` +
		`        -> Install Galago again, or your system's package libffi8.\n\n` + summary + `\n`

	report = `{"version": "", "findings": [{` + found + `}], "devices": null, "mode": "none", "can_run": false, "summary": "` +
		summary + `", "text": "` + textInJSON + `"}` + "\n"
)

// Report is what the doctor says when libffi is missing: the only command that must work then.
func Report(asJSON bool) string {
	if asJSON {
		return report
	}
	return text
}

// doctor reports whether the command line asks for the doctor, and whether as JSON.
func doctor(args []string) (asked, asJSON bool) {
	if len(args) < 2 || args[1] != "doctor" {
		return false, false
	}
	for _, a := range args[2:] {
		switch a {
		case "--json", "-json":
			asJSON = true
		case "--help", "-help", "--h", "-h":
			return false, false
		}
	}
	return true, asJSON
}

// tell says what is missing, as the command would.
func tell(sentence string) {
	if asked, asJSON := doctor(os.Args); asked {
		os.Stdout.WriteString(Report(asJSON))
		return
	}
	os.Stderr.WriteString(sentence)
}
