//go:build uidemo

package main

import (
	"fmt"
	"time"

	"fyne.io/fyne/v2"

	"galago/ui"
)

func told(what string) func(string) { return func(id string) { fmt.Println(what, id) } }

func modelActions(w func() *ui.Window) ui.ModelActions {
	return ui.ModelActions{
		ModelsShown: func(shown bool) { fmt.Println("models", shown) }, UseModel: told("use"), Pause: told("pause"), Resume: told("resume"),
		Download: func(id, v string) { fmt.Println("download", id, v) }, CancelFetch: told("cancel"), RemoveModel: told("remove"), DeleteModel: told("delete"),
		ImportModel: func(p []string) { fmt.Println("import", p) }, PairModel: func(id, p string) { fmt.Println("pair", id, p) },
		InstallEngine: say("install"), StopInstall: say("stop"), EngineFolder: say("folder"), RemoveEngine: say("remove engine"),
		WelcomeNext: say("next"), WelcomeSkip: func() { w().SetWelcome(nil) }, Diagnose: func(test bool) { fmt.Println("diagnose", test) },
		StopTest: say("stop"), CopyReport: func() { w().Notify("Copied") }, ShowReports: say("logs"),
	}
}

var variants = []ui.ModelVariant{
	{ID: "q8", Name: "Q8_0 (8-bit)", Size: "4.7 GB", Fit: ui.FitChanged, Line: "needs 5.3 of 5.1 GiB; fits with 4k context and pictures of 1,024 tokens", Digest: "checksum from the catalogue"},
	{ID: "q6", Name: "Q6_K", Size: "3.8 GB", Fit: ui.FitWell, Line: "needs 4.2 of 5.1 GiB with 16k context", Digest: "checksum from the catalogue"},
	{ID: "q4", Name: "Q4_K_M (4-bit)", Size: "2.7 GB", Fit: ui.FitWell, Line: "needs 3.4 of 5.1 GiB with 16k context", Digest: "checksum from the server", Here: true},
}

// library is a page with a row of every kind. got is how far its download is, from 0 to 1.
func library(got float64) ui.Models {
	return ui.Models{
		Device: "NVIDIA GeForce RTX 3050 · 5.1 of 5.6 GiB free", Disk: "120 GB free",
		Engine: ui.EngineRow{
			Title: "CPU mode", Text: "The CUDA engine is not installed: answers come from the processor, about twenty times slower.",
			Size: "612 MB", CanInstall: true,
		},
		Rows: []ui.ModelRow{
			{ID: "demo", Group: ui.GroupOwn, Name: "Galago demo", Detail: "built in · 1.4 MB", About: "Knows shapes, colours and numbers. For trying out.", Open: true, CanUse: true, Licence: "MIT", Variants: []ui.ModelVariant{{Fit: ui.FitWell, Line: "needs 0.1 of 5.1 GiB"}}},
			{ID: "smol", Group: ui.GroupOwn, Name: "SmolVLM2 2.2B", Detail: "2.2B · Q8_0", About: "Small and quick: captions, simple questions about a picture.", Fetch: ui.FetchRunning, Progress: got, Figures: fmt.Sprintf("%.2f of 2.46 GB · 12.0 MB/s · %d s left", 2.46*got, int(200*(1-got))), Licence: "Apache-2.0", Address: "https://www.apache.org/licenses/LICENSE-2.0"},
			{ID: "broken", Group: ui.GroupOwn, Name: "InternVL3 2B", Detail: "2B · Q8_0 · 2.6 GB", Fetch: ui.FetchFailed, Licence: "Apache-2.0", Address: "https://www.apache.org/licenses/LICENSE-2.0", Problem: &ui.Problem{Title: "The server does not have the file any more", Text: "huggingface.co answered 404 for mmproj-InternVL3-2B-f16.gguf.", Action: "Try again later, or choose another quantisation.", Detail: "GET …: 404 Not Found"}},
			{ID: "own", Group: ui.GroupOwn, Name: "gemma-3-4b-it-qat-abliterated-v2-UD-Q4_K_XL", Detail: "3.9B · Q4_K_XL · 2.5 GB · opened by you", Size: "2.5 GB", CanUse: true, CanRemove: true, CanDelete: true, Warning: "Not for commercial use", Licence: "Gemma", Address: "https://ai.google.dev/gemma/terms", Partners: []ui.Place{{Name: "mmproj-model-f16.gguf", Path: "/a"}, {Name: "mmproj-gemma-3-4b-bf16.gguf", Path: "/b"}}, Variants: []ui.ModelVariant{{Fit: ui.FitWell, Line: "needs 3.2 of 5.1 GiB with 16k context"}}},
			{ID: "lm", Group: ui.GroupFound, Name: "Llama 3.2 3B", Detail: "3.2B · Q4_K_M · 2.0 GB · LM Studio", TextOnly: true, CanUse: true, Licence: "Llama 3.2", Variants: []ui.ModelVariant{{Fit: ui.FitWell, Line: "needs 2.6 of 5.1 GiB with 16k context"}}},
			{ID: "big", Group: ui.GroupFound, Name: "Qwen2.5-VL 32B", Detail: "32B · Q4_K_M · 21 GB · Ollama", CanUse: true, Variants: []ui.ModelVariant{{Fit: ui.FitNot, Line: "needs 22.4 of 5.1 GiB, and 7.8 GiB of system memory are free"}}},
			{ID: "qwen", Group: ui.GroupOffered, Name: "Qwen3-VL 4B", Detail: "4B · Qwen", About: "The best all-rounder of its size: reads documents and screens, finds objects, counts. 32 languages.", Suggested: true, Licence: "Apache-2.0", Address: "https://www.apache.org/licenses/LICENSE-2.0", Variants: variants, Variant: "q6", CanDownload: true, CanUse: true},
			{ID: "moon", Group: ui.GroupOffered, Name: "Moondream 2", Detail: "1.9B", About: "Very quick. Captions, pointing, short questions. English.", Licence: "Apache-2.0", Address: "https://www.apache.org/licenses/LICENSE-2.0", Variants: variants[1:2], Variant: "q6", CanDownload: true},
			{ID: "pix", Group: ui.GroupOffered, Name: "Pixtral 12B", Detail: "12B · Mistral", About: "Long documents and many pictures at once. German, English, French, Spanish.", Licence: "MRL", Address: "https://mistral.ai/licenses/MRL-0.1.md", Warning: "Not for commercial use", Variants: []ui.ModelVariant{{ID: "q4", Name: "Q4_K_M (4-bit)", Size: "8.3 GB", Fit: ui.FitNot, Line: "needs 8.9 of 5.1 GiB"}}, Variant: "q4", CanDownload: true},
		},
	}
}

func showModels(w *ui.Window) {
	w.SetModels(library(0.3))
	go func() {
		time.Sleep(time.Second)
		fyne.Do(w.ShowModels)
		for got := 0.3; got < 1; got += 0.002 {
			time.Sleep(250 * time.Millisecond)
			fyne.Do(func() { w.SetModels(library(got)) })
		}
	}()
}

func showWelcome(w *ui.Window, scene string) {
	w.SetModel(ui.Model{Name: "Galago demo", Detail: "built in", Loading: -1, Vision: true, BuiltIn: true})
	v := &ui.Welcome{
		Step: 2, Steps: 3, Title: "Qwen3-VL 4B suits this computer", Text: "It reads documents and screens, finds objects and counts. The download goes on in the background; the built-in model answers meanwhile.",
		Lines: []string{"NVIDIA GeForce RTX 3050, 5.1 of 5.6 GiB free, driver 580.95", "3.8 GB to download, about 5 minutes at 12 MB/s", "Apache-2.0 licence"},
		Next:  "Download 3.8 GB", Skip: "Not now", Import: true, Progress: -1,
	}
	if scene != "welcome" {
		v.Step, v.Title, v.Text, v.Next, v.Skip, v.Import = 3, "Downloading Qwen3-VL 4B", "Try the samples meanwhile: the built-in model answers.", "", "Hide", false
		v.Lines, v.Progress = []string{"1.2 of 3.8 GB · 12.0 MB/s · 4 min left"}, 0.32
	}
	if scene == "welcome-chat" {
		w.SetTurns([]ui.Turn{done})
	}
	w.SetWelcome(v)
}

func showDiagnosis(w *ui.Window, scene string) {
	d := ui.Diagnosis{
		Summary: "Galago answers from the processor: the CUDA engine is not installed.", Text: "report",
		Lines: []ui.DiagnosisLine{
			{What: "CUDA engine", Problem: "There is no engine for the graphics card, so the processor computes, about twenty times slower.", Cure: "Open Models and install the engine (612 MB)."},
			{What: "Driver", Found: "535.54", Problem: "The driver is older than CUDA 13 wants. The CUDA 12 engine runs with it.", Cure: "Update the driver when it suits you.", Warning: true},
			{What: "Graphics card", Found: "NVIDIA GeForce RTX 3050, 5.6 GiB, compute capability 8.6"},
			{What: "Processor", Found: "8 cores with AVX2 and FMA"},
			{What: "System memory", Found: "11.2 of 15.5 GiB free"},
			{What: "Engine", Found: "llama.cpp 0.4.0, ggml CPU (haswell)"},
			{What: "Model", Found: "Galago demo, Q8_0"},
			{What: "Disk", Found: "120 GB free"},
		},
	}
	if scene == "diagnosis-busy" {
		d.Busy = "Shows the picture to the model…"
	} else {
		d.Test = []ui.DiagnosisLine{
			{What: "Load", Found: "0.21 s"},
			{What: "Picture", Found: "0.12 s, 64 tokens"},
			{What: "First token", Found: "0.35 s"},
			{What: "Speed", Found: "312 tokens/s"},
			{What: "Layers on the card", Found: "0 of 8"},
			{What: "Answer", Found: "right"},
		}
	}
	go func() {
		time.Sleep(time.Second)
		fyne.Do(func() {
			w.SetDiagnosis(d)
			w.ShowDiagnosis()
		})
	}()
}
