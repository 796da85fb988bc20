package demoeval

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func ptr[T any](v T) *T { return &v }

func TestScore(t *testing.T) {
	colours := []string{"red", "blue", "green"}
	places := []string{"top", "bottom", "left", "right", "middle"}
	tests := []struct {
		name   string
		expect Expect
		answer string
		want   bool
	}{
		{"the word", Expect{Word: "red", Among: colours}, "The star is red.", true},
		{"another word", Expect{Word: "red", Among: colours}, "The star is blue.", false},
		{"two words of the class", Expect{Word: "red", Among: colours}, "It is red or blue.", false},
		{"a word inside a word", Expect{Word: "red", Among: colours}, "It is covered.", false},
		{"capitals", Expect{Word: "red", Among: colours}, "RED", true},
		{"both places", Expect{Words: []string{"top", "left"}, Among: places}, "It is at the top left.", true},
		{"one place of two", Expect{Words: []string{"top", "left"}, Among: places}, "It is at the top.", false},
		{"one place too many", Expect{Words: []string{"top"}, Among: places}, "It is at the top left.", false},
		{"names of two words", Expect{Word: "red circle", Among: []string{"red circle", "red star"}}, "The red circle is bigger.", true},
		{"yes", Expect{Yes: ptr(true)}, "Yes, there is.", true},
		{"no for yes", Expect{Yes: ptr(true)}, "No, there is no star.", false},
		{"no", Expect{Yes: ptr(false)}, "No.", true},
		{"nothing said", Expect{Yes: ptr(false)}, "", false},
		{"digits", Expect{Count: ptr(3)}, "There are 3 circles.", true},
		{"in words", Expect{Count: ptr(3)}, "There are three circles.", true},
		{"none", Expect{Count: ptr(0)}, "There are no circles.", true},
		{"wrong count", Expect{Count: ptr(3)}, "There are 4 circles.", false},
		{"two counts", Expect{Count: ptr(3)}, "There are 3 or 4.", false},
		{"number", Expect{Number: "472"}, "The number is 472.", true},
		{"number cut", Expect{Number: "472"}, "The number is 47.", false},
		{"number in a longer one", Expect{Number: "472"}, "The number is 4721.", false},
		{"says", Expect{Says: "demo model"}, "I am the Demo Model.", true},
		{"absent", Expect{No: "star"}, "There is no star.", true},
		{"absent but claimed", Expect{No: "star"}, "The star is red.", false},
		{"things in any order", Expect{Things: []string{"red star", "blue circle"}}, "The picture shows a blue circle and a red star.", true},
		{"a thing too few", Expect{Things: []string{"red star", "blue circle"}}, "The picture shows a red star.", false},
		{"a thing too many", Expect{Things: []string{"red star"}}, "The picture shows a red star and a red star.", false},
		{"things and number", Expect{Things: []string{"red star"}, Number: "5"}, "The picture shows a red star and the number 5.", true},
		{"things without the number", Expect{Things: []string{"red star"}, Number: "5"}, "The picture shows a red star.", false},
		{"no things, a number", Expect{Things: []string{}, Number: "5"}, "The picture shows the number 5.", true},
		{"nothing expected", Expect{}, "anything", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got, _ := Score(Turn{Expect: tt.expect}, tt.answer); got != tt.want {
				t.Errorf("Score(%q) = %v, want %v", tt.answer, got, tt.want)
			}
		})
	}
}

func TestScoreBox(t *testing.T) {
	turn := Turn{Kind: "box", Expect: Expect{Box: []int{100, 100, 300, 300}}}
	tests := []struct {
		answer string
		want   float64
	}{
		{`[{"bbox_2d": [100, 100, 300, 300], "label": "red circle"}]`, 1},
		{`[{"bbox_2d": [100, 100, 300, 200], "label": "red circle"}]`, 0.5},
		{`[200,100,400,300]`, 1.0 / 3},
		{`[{"bbox_2d": [500, 500, 600, 600]}]`, 0},
		{`[{"bbox_2d": [300, 300, 100, 100]}]`, 0},
		{`[{"bbox_2d": [100, 100, 300`, 0},
		{`There is no circle.`, 0},
		{`[99999999999999999999, 1, 2, 3]`, 0},
	}
	for _, tt := range tests {
		correct, iou := Score(turn, tt.answer)
		if math.Abs(iou-tt.want) > 1e-9 || correct != (tt.want >= BoxIsRight) {
			t.Errorf("Score(%s) = %v, %v, want IoU %v", tt.answer, correct, iou, tt.want)
		}
	}
}

func TestTable(t *testing.T) {
	var table Table
	add := func(kind string, e Expect, ok bool, iou float64) { table.Add(Turn{Kind: kind, Expect: e}, ok, iou) }
	for i := range 100 {
		add("colour", Expect{}, i < 99, 0)
		add("shape", Expect{}, i < 90, 0)
	}
	add("box", Expect{Box: []int{0, 0, 1, 1}}, true, 0.9)
	add("box", Expect{Box: []int{0, 0, 1, 1}}, false, 0.4)
	add("count", Expect{Count: ptr(2)}, true, 0)
	add("count", Expect{Count: ptr(6)}, false, 0)
	add("describe", Expect{}, true, 0)
	want := `| kind | n | score | target | met |
|---|---|---|---|---|
| colour | 100 | 99.0 % | 98 % | yes |
| shape | 100 | 90.0 % | 98 % | no |
| count | 1 | 100.0 % | 95 % | yes |
| box | 2 | 0.650 mean IoU | 0.75 | no |
| count of 0 or 6 | 1 | 0.0 % |  |  |
| describe | 1 | 100.0 % |  |  |
`
	if got := table.String(); got != want {
		t.Errorf("table:\n%s\nwant:\n%s", got, want)
	}
	if got := strings.Join(table.Missed(), " "); got != "shape box" {
		t.Errorf("Missed() = %q", got)
	}
	if n, right := table.Total(); n != 205 || right != 192 {
		t.Errorf("Total() = %d, %d", n, right)
	}
	if got := (&Table{}).Value("colour"); got != 0 {
		t.Errorf("empty table: %v", got)
	}
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Load(dir); err == nil || !strings.Contains(err.Error(), "evalset.py") {
		t.Errorf("an empty folder: %v", err)
	}
	write("0001.png", "x")
	write(ItemsFile, `{"images":["0001.png"],"turns":[{"q":"What is it?","kind":"colour","expect":{"word":"red","among":["red","blue"]}}]}`+"\n")
	items, err := Load(dir)
	if err != nil || len(items) != 1 || items[0].Turns[0].Expect.Word != "red" {
		t.Errorf("Load = %+v, %v", items, err)
	}
	for text, want := range map[string]string{
		`{"images":["missing.png"],"turns":[{"q":"?"}]}`:                       "missing.png",
		`{"images":["../0001.png"],"turns":[{"q":"?"}]}`:                       "outside",
		`{"images":["0001.png"],"turns":[]}`:                                   "no questions",
		`{"images":["0001.png"],"turns":[{"q":"?","expect":{"box":[1,2,3]}}]}`: "four numbers",
		`{`: "line 1",
	} {
		write(ItemsFile, text)
		if _, err := Load(dir); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Load of %s: %v, want %q", text, err, want)
		}
	}
}

// The set that make test asks the built-in model is committed: it must load and hold every kind that has a target.
func TestCommittedSet(t *testing.T) {
	items, err := Load(filepath.Join("..", "..", "assets", "demo", "testdata"))
	if err != nil {
		t.Fatal(err)
	}
	kinds, pictures := map[string]int{}, 0
	for _, item := range items {
		pictures += len(item.Images)
		for _, turn := range item.Turns {
			kinds[turn.Kind]++
		}
	}
	if pictures < 50 {
		t.Errorf("%d pictures", pictures)
	}
	for kind := range targets {
		if kinds[kind] < 8 {
			t.Errorf("only %d questions about %q", kinds[kind], kind)
		}
	}
}
