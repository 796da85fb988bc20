package app

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"galago/app/library/catalogue"
	"galago/app/library/download"
	"galago/app/library/shelf"
	"galago/assets/words"
	"galago/inference/plan"
	"galago/ui"
)

// showModels fills the page of models while it is open.
func (c *Controller) showModels() {
	if c.page {
		c.view.SetModels(c.modelsPage())
	}
}

func (c *Controller) modelsPage() ui.Models {
	p := ui.Models{Device: c.deviceText(), Engine: c.engineRow()}
	if c.free > 0 {
		p.Disk = words.T("%s free", fileSize(int64(c.free)))
	}
	if c.offline {
		p.Note = words.T("No network: the models on this machine can be used.")
	}
	p.Rows = slices.Concat(c.pairRow(), c.builtInRow(), c.jobRows(), c.ownRows(), c.foundRows(), c.offeredRows())
	return p
}

// deviceText is what the models were judged for.
func (c *Controller) deviceText() string {
	d := c.judged.device
	if d.Total == 0 {
		return ""
	}
	text := words.T("%s of %s free", bytesText(d.Free), bytesText(d.Total))
	if d.GPU() {
		return d.Name + " · " + text
	}
	return words.T("CPU mode") + " · " + text
}

// pairRow is a model that waits for its vision file to be chosen.
func (c *Controller) pairRow() []ui.ModelRow {
	l := c.pairing
	if l.Model == "" {
		return nil
	}
	r := ui.ModelRow{ID: pairPrefix + l.Model, Group: ui.GroupOwn, Name: modelFileName(l.Model), CanRemove: true, Progress: -1}
	r.Detail = words.T("Several vision files fit. Choose the one that was published with the model.")
	for _, path := range l.Choose {
		r.Partners = append(r.Partners, ui.Place{Name: baseName(path), Path: path})
	}
	return []ui.ModelRow{r}
}

func (c *Controller) builtInRow() []ui.ModelRow {
	if c.demoErr != nil {
		return nil
	}
	return []ui.ModelRow{{
		ID: builtInID, Group: ui.GroupOwn, Name: c.demo.Name, Detail: inLine(words.T("built in"), c.demo.Quant),
		About: c.demo.Skills, Open: c.builtIn(), CanUse: !c.builtIn(), Progress: -1,
	}}
}

// jobRows are the downloads of models.
func (c *Controller) jobRows() (rows []ui.ModelRow) {
	for _, s := range c.jobs {
		if !strings.HasPrefix(s.ID, jobPrefix) || s.Phase == download.Done {
			continue
		}
		r := ui.ModelRow{ID: s.ID, Name: s.Name, Progress: -1}
		if m, v, ok := c.offered(s.ID, ""); ok {
			r = c.catalogueRow(m)
			r.ID, r.Variant, r.Variants = s.ID, v.Quant, c.variants(m, v)
		}
		r.Group, r.CanDownload, r.CanUse, r.Suggested = ui.GroupOwn, false, false, false
		r.Fetch, r.Progress, r.Figures = fetchState(s.Phase), progressOf(s), fetchFigures(s)
		if s.Phase == download.Failed {
			r.Problem = c.fetchProblem(s)
		}
		rows = append(rows, r)
	}
	return rows
}

// ownRows are the models of the shelf.
func (c *Controller) ownRows() (rows []ui.ModelRow) {
	for _, e := range c.own {
		r := c.entryRow(e, ownPrefix)
		r.Group, r.CanRemove, r.CanDelete = ui.GroupOwn, true, e.Source == shelf.Fetched && !e.Gone
		if m, v, ok := c.catalogued(e); ok {
			r.About, r.Licence, r.Address, r.Warning = aboutModelText(m), m.Licence.Name, m.Licence.URL, licenceWarning(m)
			r.Variant, r.Variants = v.Quant, c.variants(m, v)
		}
		rows = append(rows, r)
	}
	return rows
}

// foundRows are the models of other programs.
func (c *Controller) foundRows() (rows []ui.ModelRow) {
	for _, e := range c.found {
		if slices.ContainsFunc(c.own, func(o shelf.Entry) bool { return o.Model == e.Model }) {
			continue
		}
		r := c.entryRow(e, foundPrefix)
		r.Group = ui.GroupFound
		rows = append(rows, r)
	}
	return rows
}

func (c *Controller) entryRow(e shelf.Entry, prefix string) ui.ModelRow {
	open := c.opened.model == e.Model
	r := ui.ModelRow{
		ID: prefix + e.Model, Name: e.Name, Open: open, TextOnly: e.MMProj == "" && !e.Gone, CanUse: !open && !e.Gone, Progress: -1,
		Detail: inLine(e.Quant, sizeText(e.Bytes), sourceText(e.Source)),
	}
	r.Warning = e.Warning
	if e.Gone {
		r.Warning = words.T("Its file is not there now.")
	}
	return r
}

// offeredRows is the catalogue, without what is here already or being fetched.
func (c *Controller) offeredRows() (rows []ui.ModelRow) {
	for _, m := range c.catalogue {
		absent := slices.ContainsFunc(m.Quantizations, func(v catalogue.Variant) bool { return c.here(v) == nil })
		fetching := slices.ContainsFunc(m.Quantizations, func(v catalogue.Variant) bool {
			s := c.job(jobID(m, v))
			return s != nil && s.Phase != download.Done
		})
		if !absent || fetching {
			continue
		}
		rows = append(rows, c.catalogueRow(m))
	}
	slices.SortStableFunc(rows, func(a, b ui.ModelRow) int { return cmp.Compare(placeOf(a), placeOf(b)) })
	return rows
}

// placeOf orders what is offered: the suggestion, what fits, what fits with changes, what is not known to, what does not.
// Within each the catalogue's order stays.
func placeOf(r ui.ModelRow) int {
	if r.Suggested {
		return 0
	}
	best := len(fitOrder)
	for _, v := range r.Variants {
		if !v.Here {
			best = min(best, slices.Index(fitOrder, v.Fit))
		}
	}
	return 1 + best
}

var fitOrder = []ui.Fit{ui.FitWell, ui.FitChanged, ui.FitUnknown, ui.FitNot}

func (c *Controller) catalogueRow(m catalogue.Model) ui.ModelRow {
	choice := c.choice(m)
	return ui.ModelRow{
		ID: offeredPrefix + m.ID, Group: ui.GroupOffered, Name: m.Name, Detail: m.Parameters, About: aboutModelText(m),
		Licence: m.Licence.Name, Address: m.Licence.URL, Warning: licenceWarning(m),
		Suggested: c.judged.suggested == jobPrefix+m.ID+"/"+choice,
		TextOnly:  !slices.ContainsFunc(m.Quantizations, func(v catalogue.Variant) bool { return v.MMProj.Name != "" }),
		Variants:  c.variants(m, m.Quantizations...), Variant: choice, CanDownload: true, Progress: -1,
	}
}

// choice is the quantisation of a model to begin with: the suggested one, else the first that fits and is not here.
func (c *Controller) choice(m catalogue.Model) string {
	best, rank := "", -1
	for _, v := range m.Quantizations {
		n := map[catalogue.Verdict]int{catalogue.Fits: 3, catalogue.WithChanges: 2, catalogue.Unknown: 1}[c.judged.of[jobID(m, v)].Verdict]
		if c.judged.suggested == jobID(m, v) {
			n = 4
		}
		if c.here(v) != nil {
			n = 0
		}
		if n > rank || n == rank && n == 0 { // of those that do not fit the last is the smallest
			best, rank = v.Quant, n
		}
	}
	return best
}

func (c *Controller) variants(m catalogue.Model, list ...catalogue.Variant) (rows []ui.ModelVariant) {
	for _, v := range list {
		j := c.judged.of[jobID(m, v)]
		rows = append(rows, ui.ModelVariant{
			ID: v.Quant, Name: quantText(v.Quant), Size: diskText(m, v),
			Fit: fitOf(j.Verdict), Line: j.Line, Digest: digestText(v), Here: c.here(v) != nil,
		})
	}
	return rows
}

// catalogued is the model of the catalogue that an entry's files are.
func (c *Controller) catalogued(e shelf.Entry) (catalogue.Model, catalogue.Variant, bool) {
	for _, m := range c.catalogue {
		for _, v := range m.Quantizations {
			if path, err := c.pathOf(v.Model); err == nil && path == e.Model {
				return m, v, true
			}
		}
	}
	return catalogue.Model{}, catalogue.Variant{}, false
}

func fitOf(v catalogue.Verdict) ui.Fit {
	switch v {
	case catalogue.Fits:
		return ui.FitWell
	case catalogue.WithChanges:
		return ui.FitChanged
	case catalogue.DoesNotFit:
		return ui.FitNot
	}
	return ui.FitUnknown
}

func fetchState(p download.Phase) ui.FetchState {
	switch p {
	case download.Waiting:
		return ui.FetchWaiting
	case download.Fetching, download.Retrying:
		return ui.FetchRunning
	case download.Checking:
		return ui.FetchChecking
	case download.Paused:
		return ui.FetchPaused
	case download.Failed:
		return ui.FetchFailed
	}
	return ui.FetchNone
}

// progressOf is negative when it is not known.
func progressOf(s download.State) float64 {
	if s.Total <= 0 {
		return -1
	}
	return float64(s.Got) / float64(s.Total)
}

// fetchFigures is how far a download is, as a line.
func fetchFigures(s download.State) string {
	amount := ""
	if s.Total > 0 {
		amount = words.T("%s of %s", fileSize(s.Got), fileSize(s.Total))
	} else if s.Got > 0 {
		amount = fileSize(s.Got)
	}
	switch s.Phase {
	case download.Waiting:
		return inLine(amount, words.T("waits for the download before it"))
	case download.Fetching:
		return inLine(amount, speedText(s.Speed), leftText(s.Left))
	case download.Checking:
		return inLine(amount, words.T("being checked"))
	case download.Retrying:
		why := words.T("tries again soon")
		if s.Err != nil {
			why = sentence(s.Err) + " " + words.T("It is tried again by itself.")
		}
		return inLine(amount, why)
	case download.Paused:
		return inLine(amount, words.T("paused"))
	}
	return amount
}

func speedText(bytesPerSecond float64) string {
	if bytesPerSecond < 1 {
		return ""
	}
	return words.T("%s/s", fileSize(int64(bytesPerSecond)))
}

// leftText is a time as people wait for it: no figure is exact here.
func leftText(d time.Duration) string {
	switch {
	case d <= 0:
		return ""
	case d < time.Minute:
		return words.T("less than a minute left")
	case d < 90*time.Minute:
		return words.T("%d min left", int(d.Round(time.Minute)/time.Minute))
	}
	return words.T("%s h left", fmt.Sprintf("%.1f", d.Hours()))
}

// quantText names a quantisation with its bits, as far as the name has them.
func quantText(quant string) string {
	for bits := 2; bits <= 8; bits++ {
		if strings.HasPrefix(quant, fmt.Sprintf("Q%d", bits)) || strings.HasPrefix(quant, fmt.Sprintf("IQ%d", bits)) {
			return words.T("%s (%d-bit)", quant, bits)
		}
	}
	return quant
}

func sizeText(bytes int64) string {
	if bytes <= 0 {
		return ""
	}
	return fileSize(bytes)
}

// diskText is what a variant takes on the disk, as far as that is known.
func diskText(m catalogue.Model, v catalogue.Variant) string {
	n, exact := m.Disk(v)
	if n > 0 && !exact {
		return words.T("about %s", fileSize(n))
	}
	return sizeText(n)
}

// digestText says what a download will be checked against.
func digestText(v catalogue.Variant) string {
	if v.Model.SHA256 != "" && (v.MMProj.Name == "" || v.MMProj.SHA256 != "") {
		return words.T("checksum from the catalogue")
	}
	return words.T("checksum from the server")
}

func licenceWarning(m catalogue.Model) string {
	if m.Licence.NonCommercial {
		return words.T("Not for commercial use")
	}
	return ""
}

// aboutModelText is what a model is good at, and in which languages.
func aboutModelText(m catalogue.Model) string {
	return inLine(m.Good(), languagesText(m.Languages, len(m.Languages)))
}

// languagesText names languages, or counts them where there are more than most.
func languagesText(codes []string, most int) string {
	if len(codes) > most {
		return words.T("%d languages", len(codes))
	}
	var names []string
	for _, code := range codes {
		names = append(names, languageName(code))
	}
	return strings.Join(names, ", ")
}

// languageName is a language in the person's own: not everybody can read, nor every font show, what others call theirs.
func languageName(code string) string {
	names := map[string]string{
		"ar": words.T("Arabic"), "de": words.T("German"), "en": words.T("English"), "es": words.T("Spanish"),
		"fr": words.T("French"), "hi": words.T("Hindi"), "it": words.T("Italian"), "ja": words.T("Japanese"),
		"ko": words.T("Korean"), "nl": words.T("Dutch"), "pl": words.T("Polish"), "pt": words.T("Portuguese"),
		"ru": words.T("Russian"), "tr": words.T("Turkish"), "vi": words.T("Vietnamese"), "zh": words.T("Chinese"),
	}
	return cmp.Or(names[code], code)
}

// sourceText is where a model comes from. The names of other programs are the same in every language.
func sourceText(s shelf.Source) string {
	switch s {
	case shelf.Own:
		return ""
	case shelf.Fetched:
		return words.T("downloaded")
	}
	return string(s)
}

// inLine puts what is there of some figures on one line.
func inLine(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), " · ")
}

// clearlyOther reports whether a device is another one, or has clearly more or less free memory than before.
func clearlyOther(a, b plan.Device) bool {
	const step = 256 << 20
	more, less := max(a.Free, b.Free), min(a.Free, b.Free)
	return a.UUID != b.UUID || a.Total != b.Total || more-less > max(step, a.Total/20)
}
