package inference

import (
	"errors"
	"fmt"

	"galago/assets/words"
	"galago/inference/gguf"
	"galago/inference/protocol"
	"galago/inference/vision"
)

// Error is what went wrong, for a program (Code) and, through Explain, for a person.
type Error struct {
	Code   protocol.Code
	Op     string // what was being done, such as "load model"
	Err    error  // cause; may be nil
	Detail string // log lines, for the person who looks closer

	Choices []Choice // what would help, best first; may be empty
}

func (e *Error) Error() string {
	s := e.Op + ": " + string(e.Code)
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

func (e *Error) Unwrap() error { return e.Err }

// CodeOf is the code of the first *Error in err's chain, or CodeInternal.
func CodeOf(err error) protocol.Code {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return protocol.CodeInternal
}

// Explanation is an error as a person reads it.
type Explanation struct {
	Title  string // a few words
	Text   string // one sentence or two: what happened
	Action string // what to do about it; empty when Text says it
	Detail string // folded away
}

// Explain turns an error into sentences. It is the only place that does.
func Explain(err error) Explanation {
	var e *Error
	if !errors.As(err, &e) {
		if said := sentences(err); said != "" { // of a picture that was opened outside of the service
			return Explanation{Title: explanations()[protocol.CodeBadImage].Title, Text: said}
		}
		return Explanation{Title: words.T("Something went wrong"), Text: err.Error() + ".", Action: words.T("Try again.")}
	}
	known := explanations()
	x, ok := known[e.Code]
	if !ok {
		x = known[protocol.CodeInternal]
	}
	if e.Op == opLoad && (e.Code == protocol.CodeWorkerDied || e.Code == protocol.CodeWorkerHung) {
		x = explainLoad()
	}
	if e.Op == opLoad && e.Code == protocol.CodeWontFit {
		x = explainWontLoad()
	}
	if said := sentences(e.Err); said != "" {
		x.Text, x.Action = said, ""
	} else if e.Err != nil && e.Code == protocol.CodeWontFit {
		x.Text += " " + e.Err.Error()
	} else if e.Err != nil && !technical[e.Code] {
		x.Text = fmt.Sprintf("%s (%v)", x.Text, e.Err)
	}
	x.Detail = e.Op
	if e.Err != nil && technical[e.Code] {
		x.Detail += ": " + e.Err.Error()
	}
	if e.Detail != "" {
		x.Detail += "\n" + e.Detail
	}
	return x
}

// technical are the codes whose cause tells a person nothing, such as a signal's name: it goes to the details.
var technical = map[protocol.Code]bool{
	protocol.CodeWorkerDied: true, protocol.CodeWorkerHung: true, protocol.CodeEngineMissing: true,
	protocol.CodeProtocol: true, protocol.CodeOutOfMemory: true,
}

// sentences are what a package that knows precisely what is wrong with a file, and the way out, says to a person.
func sentences(err error) string {
	var file *gguf.Error
	var picture *vision.Error
	switch {
	case errors.As(err, &file):
		return file.Msg
	case errors.As(err, &picture):
		return picture.Msg
	}
	return ""
}

// explainLoad is for a worker that died or hung while it loaded: nothing was written, and it is not started again.
func explainLoad() Explanation {
	return Explanation{
		Title:  words.T("The engine could not load the model"),
		Text:   words.T("The engine ended while it was loading the model."),
		Action: words.T("Try again, or open another model; the details below help in a report."),
	}
}

// explainWontLoad is for a model that was not loaded because it cannot fit.
func explainWontLoad() Explanation {
	return Explanation{
		Title:  words.T("This model would not fit into memory"),
		Text:   words.T("Nothing was loaded: there is not enough free memory for it."),
		Action: words.T("Choose one of the ways below, close other programs that use the memory, or open a smaller model."),
	}
}

func explanations() map[protocol.Code]Explanation {
	return map[protocol.Code]Explanation{
		protocol.CodeOutOfMemory: {
			Title:  words.T("Not enough memory"),
			Text:   words.T("The model ran out of memory."),
			Action: words.T("Close other programs that use the GPU, choose a smaller picture or a smaller model, then try again."),
		},
		protocol.CodeWontFit: {
			Title:  words.T("This would not fit into memory"),
			Text:   words.T("The question was not sent: there is not enough free memory for it."),
			Action: words.T("Choose one of the ways below, or close other programs that use the memory."),
		},
		protocol.CodeModelInvalid: {
			Title:  words.T("This model cannot be opened"),
			Text:   words.T("The model's file is damaged, not complete, or of a kind that this version does not know."),
			Action: words.T("Download it again, or choose another GGUF file."),
		},
		protocol.CodeMMProjInvalid: {
			Title:  words.T("The vision file does not fit"),
			Text:   words.T("The mmproj file is damaged or belongs to another model."),
			Action: words.T("Choose the mmproj file that was published beside the model."),
		},
		protocol.CodeEngineMissing: {
			Title:  words.T("The engine is missing"),
			Text:   words.T("Galago's engine or one of its libraries was not found."),
			Action: words.T("Install Galago again, or run “galago-engine doctor” to see what is missing."),
		},
		protocol.CodeWorkerDied: {
			Title:  words.T("The engine stopped"),
			Text:   words.T("The engine ended in the middle of its work. What it had written is kept."),
			Action: words.T("It is started again by itself; press Try again to ask once more."),
		},
		protocol.CodeWorkerHung: {
			Title:  words.T("The engine did not answer"),
			Text:   words.T("The engine stopped responding and was ended."),
			Action: words.T("It is started again by itself; press Try again to ask once more."),
		},
		protocol.CodeProtocol: {
			Title:  words.T("The engine does not fit this program"),
			Text:   words.T("The engine speaks another version or something else answered in its place."),
			Action: words.T("Install Galago again so that both programs come from one package."),
		},
		protocol.CodeContextFull: {
			Title:  words.T("The conversation is too long"),
			Text:   words.T("The question, its pictures and what was said before do not fit into the model's context."),
			Action: words.T("Start a new chat, shorten the question, or use fewer pictures."),
		},
		protocol.CodeBadImage: {
			Title:  words.T("This picture cannot be read"),
			Text:   words.T("The picture could not be used."),
			Action: words.T("Remove it and try another one."),
		},
		protocol.CodeNoVision: {
			Title:  words.T("This model cannot see"),
			Text:   words.T("The open model is for text only: it was loaded without a vision file (mmproj)."),
			Action: words.T("Remove the picture or start a new chat, or open a model together with its mmproj file."),
		},
		protocol.CodeEmptyPrompt: {
			Title:  words.T("Nothing to answer"),
			Text:   words.T("The question is empty."),
			Action: words.T("Type a question."),
		},
		protocol.CodeOutOfRange: {
			Title:  words.T("A setting is out of range"),
			Text:   words.T("The question was not sent, because of one of the settings."),
			Action: words.T("Change it in the settings, then try again."),
		},
		protocol.CodeNoModel: {
			Title:  words.T("No model is open"),
			Text:   words.T("There is no model to answer."),
			Action: words.T("Open a model first."),
		},
		protocol.CodeCancelled: {
			Title: words.T("Cancelled"), Text: words.T("The request was cancelled."), Action: words.T("Ask again when you like."),
		},
		protocol.CodeDecode: {
			Title:  words.T("The model could not go on"),
			Text:   words.T("The engine reported an error while computing."),
			Action: words.T("Press Try again; if it happens again, clear the cache or start a new chat."),
		},
		protocol.CodeInternal: {
			Title:  words.T("Something went wrong"),
			Text:   words.T("The engine reported an error that it does not know."),
			Action: words.T("Press Try again; the details below help in a report."),
		},
	}
}
