//go:build uidemo

package main

import (
	"image"
	"strings"

	"galago/ui"
)

// scripts is one paragraph for each script, with what is hard about it.
const scripts = `**Latin** ÄÖÜ ß ñ ç å ž ø ğ ő ħ ệ “quotes” — … €
**Greek** Ο γρήγορος αλεπού, ἄνθρωπος. **Cyrillic** Быстрая лиса, українська, ћирилица
**简体中文** 三只蓝色的杯子放在架子上，旁边有一把茶壶。**繁體** 書架上的龍
**日本語** 棚の上に青いマグカップが三つあります。カタカナ
**한국어** 선반 위에 파란 머그잔이 세 개 있습니다.
**العربية** توجد ثلاثة أكواب زرقاء على الرف، وبجانبها إبريق شاي.
**فارسی** سه لیوان آبی روی قفسه است؛ شمارهٔ ۱۲۳ و 42 Token در ثانیه.
**עברית** שלושה ספלים כחולים על המדף, Qwen3-VL בתוך המשפט.
**हिन्दी** शेल्फ पर तीन नीले मग हैं, क्षमा कीजिए।
**ไทย** มีแก้วสีน้ำเงินสามใบอยู่บนชั้น ที่นี่
**Հայերեն** երեք բաժակ **ქართული** სამი ჭიქა
**Emoji** 😀 🎉 👍🏽 ❤️ 🇩🇪 👨‍👩‍👧 ☀️ ✅ 🐒 🙈
**Signs** ← → ⇒ ∑ ∫ √2 ≤ ≥ ≠ ≈ ∞ ∈ ℝ ½ x² x₁ α·β ☐ ☑ ✓ ✗ ▶ ■ ● ★ ♫
` + "`code: 变量 = \"värde\" → ✓ αβγ жук العربية`"

var scriptTurn = ui.Turn{
	ID: 1, Question: "Write it in every script: 中文, 日本語, 한국어, العربية, עברית, हिन्दी, ไทย 🎉", Images: []image.Image{shelf},
	Answer: paragraphs(scripts), State: ui.TurnDone, Figures: done.Figures,
}

// paragraphs turns every line into a paragraph.
func paragraphs(lines string) string { return strings.ReplaceAll(lines, "\n", "\n\n") }
