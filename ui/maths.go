package ui

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
)

// mathsNode is a formula on lines of its own: between $$ and $$, or \[ and \].
type mathsNode struct {
	ast.BaseBlock
	raw    strings.Builder
	tex    string
	end    string // the mark that closes it
	closed bool
}

var kindMaths, kindMathsSpan = ast.NewNodeKind("Maths"), ast.NewNodeKind("MathsSpan")

func (n *mathsNode) Kind() ast.NodeKind { return kindMaths }
func (n *mathsNode) IsRaw() bool        { return true }
func (n *mathsNode) Dump(source []byte, level int) {
	ast.DumpHelper(n, source, level, nil, nil)
}

// shown is the formula as text. One that has not been closed stays as it came.
func (n *mathsNode) shown() string {
	if !n.closed {
		return strings.TrimRight(n.raw.String(), "\n")
	}
	return texToText(n.tex)
}

// add takes a line and says whether it closes the formula.
func (n *mathsNode) add(line string, skip int) bool {
	n.raw.WriteString(line)
	i := strings.Index(line[skip:], n.end)
	if i < 0 {
		n.tex += line[skip:]
		return false
	}
	n.tex += line[skip : skip+i]
	if after := strings.TrimSpace(line[skip+i+len(n.end):]); after != "" {
		n.tex += " " + after
	}
	n.closed = true
	return true
}

// mathsBlocks finds formulas that begin a line.
type mathsBlocks struct{}

func (mathsBlocks) Trigger() []byte { return []byte{'$', '\\'} }

func (mathsBlocks) Open(_ ast.Node, reader text.Reader, pc parser.Context) (ast.Node, parser.State) {
	line, _ := reader.PeekLine()
	pos := pc.BlockOffset()
	if pos < 0 {
		return nil, parser.NoChildren
	}
	n := &mathsNode{}
	rest := string(line[pos:])
	switch {
	case strings.HasPrefix(rest, "$$"):
		n.end = "$$"
	case strings.HasPrefix(rest, `\[`):
		n.end = `\]`
	default:
		return nil, parser.NoChildren
	}
	if i := strings.Index(rest[2:], n.end); i >= 0 && len(strings.TrimSpace(rest[2+i+2:])) > 1 {
		return nil, parser.NoChildren // text follows: part of a sentence
	}
	n.add(rest, 2)
	return n, parser.NoChildren
}

func (mathsBlocks) Continue(node ast.Node, reader text.Reader, _ parser.Context) parser.State {
	n := node.(*mathsNode)
	line, _ := reader.PeekLine()
	if n.closed || strings.TrimSpace(string(line)) == "" || n.raw.Len() > 20_000 {
		return parser.Close
	}
	closed := n.add(string(line), 0)
	reader.AdvanceToEOL()
	if closed {
		return parser.Close
	}
	return parser.Continue | parser.NoChildren
}

func (mathsBlocks) Close(ast.Node, text.Reader, parser.Context) {}
func (mathsBlocks) CanInterruptParagraph() bool                 { return true }
func (mathsBlocks) CanAcceptIndentedLine() bool                 { return false }

// mathsSpan is a formula inside a text.
type mathsSpan struct {
	ast.BaseInline
	tex string
}

func (n *mathsSpan) Kind() ast.NodeKind { return kindMathsSpan }
func (n *mathsSpan) Dump(source []byte, level int) {
	ast.DumpHelper(n, source, level, nil, nil)
}

// mathsInline finds formulas between $ and $, $$ and $$, \( and \), \[ and \].
type mathsInline struct{}

func (mathsInline) Trigger() []byte { return []byte{'$', '\\'} }

// longestMaths limits a formula inside a text, in bytes.
const longestMaths = 600

func (mathsInline) Parse(_ ast.Node, block text.Reader, _ parser.Context) ast.Node {
	line, _ := block.PeekLine()
	open, end := "", ""
	for _, m := range [][2]string{{"$$", "$$"}, {"$", "$"}, {`\(`, `\)`}, {`\[`, `\]`}} {
		if strings.HasPrefix(string(line[:min(len(line), 2)]), m[0]) {
			open, end = m[0], m[1]
			break
		}
	}
	if open == "" || open == "$" && isWord(block.PrecendingCharacter()) {
		return nil
	}
	block.Advance(len(open))
	tex := ""
	for len(tex) < longestMaths {
		line, _ := block.PeekLine()
		if line == nil {
			return nil
		}
		if i := strings.Index(string(line[:min(len(line), longestMaths)]), end); i >= 0 {
			tex += string(line[:i])
			block.Advance(i + len(end))
			break
		}
		if open == "$" || len(line) >= longestMaths {
			return nil
		}
		tex += string(line)
		block.AdvanceLine()
	}
	if next := block.Peek(); strings.TrimSpace(tex) == "" || open == "$" && !dollarMaths(tex, next) {
		return nil
	}
	return &mathsSpan{tex: tex}
}

func isWord(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

// dollarMaths tells a formula from two prices. What follows the second dollar decides too.
func dollarMaths(tex string, next byte) bool {
	first, last := tex[0], tex[len(tex)-1]
	if first == ' ' || first == '\t' || last == ' ' || last == '\t' || next < utf8.RuneSelf && isWord(rune(next)) {
		return false
	}
	if strings.ContainsAny(tex, `\^_={}<>+`) {
		return true
	}
	letters := 0
	for _, r := range tex {
		if !unicode.IsLetter(r) {
			letters = 0
			continue
		}
		if letters++; letters > 1 {
			return len(tex) == 2 // such as ab
		}
	}
	return true
}

// --- LaTeX to text ---

// texToText turns a formula into text that can be read. Commands that it does not know stay as they are.
func texToText(tex string) string {
	p := &texReader{src: []rune(tex)}
	out := p.until("", 0)
	lines := strings.Split(out, "\n")
	kept := lines[:0]
	for _, l := range lines {
		if l = strings.Join(strings.Fields(l), " "); l != "" {
			kept = append(kept, l)
		}
	}
	return strings.Join(kept, "\n")
}

type texReader struct {
	src []rune
	pos int
}

const texDepth = 40

// until reads up to a mark, which it takes too, or to the end.
func (p *texReader) until(end string, depth int) string {
	var b strings.Builder
	for p.pos < len(p.src) {
		if end != "" && p.take(end) {
			break
		}
		b.WriteString(p.next(&b, depth))
	}
	return b.String()
}

func (p *texReader) take(mark string) bool {
	n := 0
	for _, r := range mark {
		if p.pos+n >= len(p.src) || p.src[p.pos+n] != r {
			return false
		}
		n++
	}
	p.pos += n
	return true
}

// next reads one thing; out is what came before it.
func (p *texReader) next(out *strings.Builder, depth int) string {
	r := p.src[p.pos]
	p.pos++
	switch r {
	case '\\':
		return p.command(out, depth)
	case '{':
		if depth > texDepth {
			return "{"
		}
		return p.until("}", depth+1)
	case '}':
		return ""
	case '^':
		return script(p.argument(depth), superscripts, "^")
	case '_':
		return script(p.argument(depth), subscripts, "_")
	case '\'':
		return "′"
	case '~':
		return " "
	case '&':
		return " "
	case '\n', '\t', '\r':
		return " "
	case '-':
		return "−"
	case '*':
		return "∗"
	}
	return string(r)
}

// argument reads a group, a command or a character.
func (p *texReader) argument(depth int) string {
	for p.pos < len(p.src) && unicode.IsSpace(p.src[p.pos]) {
		p.pos++
	}
	if p.pos >= len(p.src) || depth > texDepth {
		return ""
	}
	var none strings.Builder
	return strings.TrimSpace(p.next(&none, depth+1))
}

// raw reads a group as it stands.
func (p *texReader) raw() string {
	for p.pos < len(p.src) && p.src[p.pos] == ' ' {
		p.pos++
	}
	if !p.take("{") {
		return ""
	}
	start, level := p.pos, 1
	for ; p.pos < len(p.src); p.pos++ {
		switch p.src[p.pos] {
		case '{':
			level++
		case '}':
			level--
		}
		if level == 0 {
			s := string(p.src[start:p.pos])
			p.pos++
			return s
		}
	}
	return string(p.src[start:])
}

func (p *texReader) command(out *strings.Builder, depth int) string {
	if p.pos >= len(p.src) {
		return `\`
	}
	if r := p.src[p.pos]; !unicode.IsLetter(r) {
		p.pos++
		switch r {
		case '\\':
			return "\n"
		case ',', ';', ':', ' ', '>':
			return " "
		case '!', '(', ')', '[', ']':
			return ""
		case '|':
			return "‖"
		}
		return string(r)
	}
	start := p.pos
	for p.pos < len(p.src) && unicode.IsLetter(p.src[p.pos]) {
		p.pos++
	}
	name := string(p.src[start:p.pos])
	if s, ok := texSymbols[name]; ok {
		return s
	}
	if mark, ok := texAccents[name]; ok {
		return accented(p.argument(depth), mark)
	}
	if strings.Contains(" "+texFunctions+" ", " "+name+" ") {
		return p.function(name, out)
	}
	return p.layout(name, out, depth)
}

// function writes a name such as sin apart from what stands around it.
func (p *texReader) function(name string, out *strings.Builder) string {
	if r := lastRune(out.String()); isWord(r) {
		name = " " + name
	}
	if p.pos < len(p.src) && (isWord(p.src[p.pos]) || p.src[p.pos] == '\\') {
		name += " "
	}
	return name
}

// layout takes the commands that have arguments.
func (p *texReader) layout(name string, out *strings.Builder, depth int) string {
	switch name {
	case "frac", "dfrac", "tfrac", "cfrac":
		top, bottom := p.argument(depth), p.argument(depth)
		s := grouped(top) + "/" + grouped(bottom)
		if r := lastRune(out.String()); unicode.IsDigit(r) {
			s = " " + s
		}
		return s
	case "binom", "dbinom", "tbinom":
		top, bottom := p.argument(depth), p.argument(depth)
		return "C(" + top + ", " + bottom + ")"
	case "sqrt":
		sign := "√"
		if p.take("[") {
			switch n := strings.TrimSpace(p.until("]", depth+1)); n {
			case "2", "":
			case "3":
				sign = "∛"
			case "4":
				sign = "∜"
			default:
				sign = script(n, superscripts, "^") + "√"
			}
		}
		return sign + grouped(p.argument(depth))
	case "text", "textbf", "textit", "textrm", "texttt", "textsf", "mbox", "hbox":
		return p.raw()
	case "mathrm", "mathbf", "mathit", "mathsf", "mathtt", "boldsymbol", "bm", "operatorname", "boxed", "fbox", "underline", "displaystyle",
		"textstyle", "left", "right", "big", "Big", "bigg", "Bigg", "bigl", "bigr", "Bigl", "Bigr", "limits", "nolimits", "middle", "mathop", "ensuremath":
		return p.wrapper(name, depth)
	case "mathbb":
		return letters(p.argument(depth), blackboard)
	case "begin":
		if env := strings.TrimSuffix(p.raw(), "*"); env == "cases" || strings.HasSuffix(env, "matrix") || env == "array" {
			return p.rows(env, depth)
		}
		if p.take("{") { // the columns of an array
			p.until("}", depth+1)
		}
		return ""
	case "end":
		p.raw()
		return ""
	case "tag":
		return " (" + p.raw() + ")"
	}
	return `\` + name + p.keptGroup(depth)
}

// rows writes cases and matrices on one line.
func (p *texReader) rows(env string, depth int) string {
	if env == "array" && p.take("{") { // how its columns stand
		p.until("}", texDepth)
	}
	if depth > texDepth {
		return ""
	}
	body := strings.Split(p.until(`\end{`+env+"}", depth+1), "\n")
	var rows []string
	for _, r := range body {
		if r = strings.Join(strings.Fields(r), " "); r != "" {
			rows = append(rows, r)
		}
	}
	open, end := "[", "]"
	switch env {
	case "cases":
		open, end = "{ ", " }"
	case "vmatrix":
		open, end = "|", "|"
	case "matrix", "smallmatrix", "array":
		open, end = "", ""
	case "pmatrix":
		open, end = "(", ")"
	}
	return open + strings.Join(rows, "; ") + end
}

// wrapper takes commands that change how something looks, which text does not show.
func (p *texReader) wrapper(name string, depth int) string {
	switch name {
	case "left", "right", "middle":
		if p.pos < len(p.src) && p.src[p.pos] == '.' { // no delimiter on this side
			p.pos++
		}
		return ""
	case "operatorname":
		p.take("*")
	case "displaystyle", "textstyle", "limits", "nolimits", "big", "Big", "bigg", "Bigg", "bigl", "bigr", "Bigl", "Bigr":
		return ""
	}
	return p.argument(depth)
}

// keptGroup is the group after an unknown command, braces and all.
func (p *texReader) keptGroup(depth int) string {
	if depth > texDepth || !p.take("{") {
		return ""
	}
	return "{" + p.until("}", depth+1) + "}"
}

// script raises or lowers text where all of it can be.
func script(s string, table map[rune]rune, mark string) string {
	switch {
	case s == "":
		return ""
	case mark == "^" && (s == "∘" || s == "°"):
		return "°"
	case mark == "^" && strings.Trim(s, "′") == "":
		return s
	}
	if out, ok := mapAll(s, table); ok {
		return out
	}
	if utf8.RuneCountInString(s) == 1 {
		return mark + s
	}
	return mark + "(" + s + ")"
}

// mapAll replaces every character by its like in a table, or reports that one has none.
func mapAll(s string, table map[rune]rune) (string, bool) {
	var b strings.Builder
	for _, r := range s {
		if r == ' ' {
			continue
		}
		to, ok := table[r]
		if !ok {
			return s, false
		}
		b.WriteRune(to)
	}
	return b.String(), true
}

func letters(s string, table map[rune]rune) string {
	if out, ok := mapAll(s, table); ok {
		return out
	}
	return s
}

func accented(s, mark string) string {
	if utf8.RuneCountInString(s) == 1 {
		return s + mark
	}
	if mark == "\u0304" || mark == "\u20d7" { // a line over all of it
		return grouped(s) + mark
	}
	return s
}

// grouped puts parentheses around what would fall apart without.
func grouped(s string) string {
	for _, r := range s {
		if !isWord(r) && !unicode.Is(unicode.No, r) && !unicode.Is(unicode.Mn, r) && r != '.' && r != '′' && r != '√' && r != '∞' {
			return "(" + s + ")"
		}
	}
	return s
}

func firstRune(s string) rune {
	r, _ := utf8.DecodeRuneInString(s)
	return r
}

func lastRune(s string) rune {
	r, _ := utf8.DecodeLastRuneInString(s)
	return r
}

// pairs makes a table of two rows of characters.
func pairs(from, to string) map[rune]rune {
	table := map[rune]rune{}
	other := []rune(to)
	for i, r := range []rune(from) {
		table[r] = other[i]
	}
	return table
}

var (
	superscripts = pairs("0123456789+-−=()abcdefghijklmnoprstuvwxyzABDEGHIJKLMNOPRTUVWαβγδθ", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁼⁽⁾ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻᴬᴮᴰᴱᴳᴴᴵᴶᴷᴸᴹᴺᴼᴾᴿᵀᵁⱽᵂᵅᵝᵞᵟᶿ")
	subscripts   = pairs("0123456789+-−=()aehijklmnoprstuvxβγρφχ", "₀₁₂₃₄₅₆₇₈₉₊₋₋₌₍₎ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓᵦᵧᵨᵩᵪ")
	blackboard   = pairs("CHNPQRZEF1", "ℂℍℕℙℚℝℤ𝔼𝔽𝟙")
)

var texAccents = map[string]string{
	"hat": "\u0302", "widehat": "\u0302", "bar": "\u0304", "overline": "\u0304", "vec": "\u20d7", "dot": "\u0307", "ddot": "\u0308",
	"tilde": "\u0303", "widetilde": "\u0303", "acute": "\u0301", "grave": "\u0300", "check": "\u030c", "breve": "\u0306",
}

const texFunctions = "sin cos tan cot sec csc arcsin arccos arctan sinh cosh tanh log ln lg exp min max sup inf lim limsup liminf det dim ker deg gcd arg Pr mod hom"

var texSymbols = func() map[string]string {
	m := map[string]string{}
	for _, pair := range strings.Fields(`
alpha=α beta=β gamma=γ delta=δ epsilon=ε varepsilon=ε zeta=ζ eta=η theta=θ vartheta=ϑ iota=ι kappa=κ lambda=λ mu=μ nu=ν xi=ξ
omicron=ο pi=π varpi=ϖ rho=ρ varrho=ϱ sigma=σ varsigma=ς tau=τ upsilon=υ phi=φ varphi=φ chi=χ psi=ψ omega=ω
Gamma=Γ Delta=Δ Theta=Θ Lambda=Λ Xi=Ξ Pi=Π Sigma=Σ Upsilon=Υ Phi=Φ Psi=Ψ Omega=Ω
times=× cdot=· div=÷ pm=± mp=∓ ast=∗ star=⋆ circ=∘ bullet=• oplus=⊕ otimes=⊗ odot=⊙ setminus=∖ wedge=∧ land=∧ vee=∨ lor=∨ lnot=¬ neg=¬
le=≤ leq=≤ leqslant=≤ ge=≥ geq=≥ geqslant=≥ lt=< gt=> ne=≠ neq=≠ equiv=≡ approx=≈ sim=∼ simeq=≃ cong=≅ propto=∝ ll=≪ gg=≫ doteq=≐ coloneqq=≔
in=∈ notin=∉ ni=∋ subset=⊂ subseteq=⊆ supset=⊃ supseteq=⊇ cup=∪ cap=∩ emptyset=∅ varnothing=∅ bigcup=⋃ bigcap=⋂
forall=∀ exists=∃ nexists=∄ therefore=∴ because=∵ top=⊤ bot=⊥ perp=⊥ parallel=∥ mid=∣ vdash=⊢ models=⊨ angle=∠ triangle=△ square=□ blacksquare=■
to=→ rightarrow=→ leftarrow=← gets=← leftrightarrow=↔ Rightarrow=⇒ Leftarrow=⇐ Leftrightarrow=⇔ implies=⇒ impliedby=⇐ iff=⇔ mapsto=↦
longrightarrow=⟶ longleftarrow=⟵ uparrow=↑ downarrow=↓ hookrightarrow=↪ rightharpoonup=⇀ rightleftharpoons=⇌ xrightarrow=→
sum=∑ prod=∏ coprod=∐ int=∫ iint=∬ iiint=∭ oint=∮ partial=∂ nabla=∇ infty=∞ hbar=ℏ ell=ℓ Re=ℜ Im=ℑ aleph=ℵ wp=℘ degree=° prime=′ dagger=†
ldots=… dots=… cdots=⋯ vdots=⋮ ddots=⋱ langle=⟨ rangle=⟩ lfloor=⌊ rfloor=⌋ lceil=⌈ rceil=⌉ lvert=| rvert=| vert=| lVert=‖ rVert=‖ Vert=‖
lbrace={ rbrace=} lbrack=[ rbrack=] colon=: checkmark=✓ copyright=© pounds=£ euro=€ S=§ imath=ı jmath=ȷ backslash=\`) {
		name, symbol, _ := strings.Cut(pair, "=")
		m[name] = symbol
	}
	for _, space := range []string{"quad", "qquad", "enspace", "thinspace", "space"} {
		m[space] = " "
	}
	for _, nothing := range []string{"hline", "nonumber", "notag", "rm", "bf", "it", "negthinspace"} {
		m[nothing] = ""
	}
	return m
}()
