// Package demoeval reads the held-out questions of the built-in demo model, judges answers to them and keeps the
// table of scores. It knows nothing of models or workers: the caller asks, this package decides what is right.
package demoeval

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Item is one conversation over one or two pictures, all shown with its first turn.
type Item struct {
	Images []string `json:"images"` // file names, relative to the folder it was loaded from
	Turns  []Turn   `json:"turns"`
}

// Turn is a question, the kind it is counted under, and what a right answer holds.
type Turn struct {
	Question string `json:"q"`
	Kind     string `json:"kind"`
	Expect   Expect `json:"expect"`
}

// Expect says what makes an answer right. Exactly one of the fields (besides Among) is set;
// Things and Number may stand together.
type Expect struct {
	Word   string   `json:"word,omitempty"`   // the only one of Among that the answer may hold
	Words  []string `json:"words,omitempty"`  // exactly these of Among
	Among  []string `json:"among,omitempty"`  // the class that Word or Words are taken from
	Yes    *bool    `json:"yes,omitempty"`    // the answer begins with yes or no
	Count  *int     `json:"count,omitempty"`  // the only number in the answer, digits or words
	Number string   `json:"number,omitempty"` // these digits, no others
	Box    []int    `json:"box,omitempty"`    // x1, y1, x2, y2 in 0..1000 of the picture's width and height
	Things []string `json:"things,omitempty"` // every one is named as often as it stands here ("red circle")
	No     string   `json:"no,omitempty"`     // the answer says that there is none of these
	Says   string   `json:"says,omitempty"`   // the answer holds this text
}

// ItemsFile is the name of the list of conversations within an evaluation folder.
const ItemsFile = "items.jsonl"

// Load reads the conversations of a folder. Every picture it names must exist.
func Load(dir string) ([]Item, error) {
	f, err := os.Open(filepath.Join(dir, ItemsFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("demoeval: %s has no %s: draw the set with assets/demo/evalset.py", dir, ItemsFile)
	}
	if err != nil {
		return nil, fmt.Errorf("demoeval: %w", err)
	}
	defer f.Close()
	var items []Item
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for n := 1; lines.Scan(); n++ {
		var item Item
		if err := json.Unmarshal(lines.Bytes(), &item); err != nil {
			return nil, fmt.Errorf("demoeval: %s line %d: %w", ItemsFile, n, err)
		}
		if err := check(dir, item); err != nil {
			return nil, fmt.Errorf("demoeval: %s line %d: %w", ItemsFile, n, err)
		}
		items = append(items, item)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("demoeval: %s: %w", ItemsFile, err)
	}
	return items, nil
}

func check(dir string, item Item) error {
	if len(item.Turns) == 0 {
		return errors.New("no questions")
	}
	for _, name := range item.Images {
		if !filepath.IsLocal(name) {
			return fmt.Errorf("picture %q lies outside the folder", name)
		}
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	for _, t := range item.Turns {
		if t.Expect.Box != nil && len(t.Expect.Box) != 4 {
			return fmt.Errorf("question %q: a box has four numbers", t.Question)
		}
	}
	return nil
}

// BoxIsRight is the overlap (intersection over union) from which a box counts as right on its own;
// the table's target for boxes is about the mean overlap instead.
const BoxIsRight = 0.5

var (
	wordRE   = regexp.MustCompile(`[a-z]+|[0-9]+`)
	digitsRE = regexp.MustCompile(`[0-9]+`)
	bboxRE   = regexp.MustCompile(`\[\s*(-?\d+)\s*,\s*(-?\d+)\s*,\s*(-?\d+)\s*,\s*(-?\d+)\s*\]`)
)

var numberWords = map[string]int{
	"no": 0, "none": 0, "zero": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6,
	"seven": 7, "eight": 8, "nine": 9, "ten": 10,
}

// Score judges an answer. iou is the overlap of the first box in the answer with the expected one, 0 to 1,
// and 0 for every question that is not about a box.
func Score(turn Turn, answer string) (correct bool, iou float64) {
	e, words := turn.Expect, wordsOf(answer)
	switch {
	case e.Box != nil:
		iou = overlap(e.Box, answer)
		return iou >= BoxIsRight, iou
	case e.Yes != nil:
		want := "no"
		if *e.Yes {
			want = "yes"
		}
		return len(words) > 0 && words[0] == want, 0
	case e.Count != nil:
		return rightCount(*e.Count, words), 0
	case e.Word != "":
		return rightWords([]string{e.Word}, e.Among, words), 0
	case e.Words != nil:
		return rightWords(e.Words, e.Among, words), 0
	case e.No != "":
		return slices.Contains(words, "no") && strings.Contains(strings.Join(words, " "), e.No), 0
	case e.Says != "":
		return strings.Contains(strings.ToLower(answer), strings.ToLower(e.Says)), 0
	case e.Things != nil:
		return rightThings(e.Things, words) && rightNumber(e.Number, answer), 0
	case e.Number != "":
		return rightNumber(e.Number, answer), 0
	}
	return false, 0
}

// wordsOf splits a text into lower-case words and runs of digits; a plural "s" is left on.
func wordsOf(text string) []string { return wordRE.FindAllString(strings.ToLower(text), -1) }

// rightWords reports whether the answer holds all of want and nothing else of the class. Members of the class of
// more than one word ("red circle") are looked for as a whole.
func rightWords(want, class, words []string) bool {
	text := " " + strings.Join(words, " ") + " "
	for _, c := range class {
		held := strings.Contains(text, " "+c+" ") || strings.Contains(text, " "+c+"s ")
		if held != slices.Contains(want, c) {
			return false
		}
	}
	for _, w := range want {
		if !slices.Contains(class, w) && !strings.Contains(text, " "+w+" ") {
			return false
		}
	}
	return true
}

func rightCount(want int, words []string) bool {
	found := -1
	for _, w := range words {
		n, ok := numberWords[w]
		if !ok {
			var err error
			if n, err = strconv.Atoi(w); err != nil {
				continue
			}
		}
		if found >= 0 && n != found {
			return false
		}
		found = n
	}
	return found == want
}

func rightNumber(want, answer string) bool {
	found := digitsRE.FindAllString(answer, -1)
	if want == "" {
		return len(found) == 0
	}
	return len(found) == 1 && found[0] == want
}

// rightThings compares the "colour shape" pairs that the answer names with those expected, in any order.
func rightThings(want, words []string) bool {
	shapes := map[string]bool{}
	for _, s := range shapeNames {
		shapes[s] = true
	}
	var named []string
	for i := 1; i < len(words); i++ {
		if shapes[words[i]] {
			named = append(named, words[i-1]+" "+words[i])
		}
	}
	want = slices.Sorted(slices.Values(want))
	slices.Sort(named)
	return slices.Equal(want, named)
}

var shapeNames = []string{"circle", "square", "triangle", "star", "rectangle", "hexagon", "heart"}

// overlap is the intersection over union of the expected box and the first box in the answer.
func overlap(want []int, answer string) float64 {
	m := bboxRE.FindStringSubmatch(answer)
	if m == nil {
		return 0
	}
	var got [4]int
	for i := range got {
		n, err := strconv.Atoi(m[i+1])
		if err != nil {
			return 0
		}
		got[i] = n
	}
	area := func(x1, y1, x2, y2 int) float64 { return float64(max(0, x2-x1)) * float64(max(0, y2-y1)) }
	both := area(max(want[0], got[0]), max(want[1], got[1]), min(want[2], got[2]), min(want[3], got[3]))
	all := area(want[0], want[1], want[2], want[3]) + area(got[0], got[1], got[2], got[3]) - both
	if all <= 0 {
		return 0
	}
	return both / all
}
