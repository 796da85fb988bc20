//go:build uidemo

package main

import (
	"encoding/json"
	"log"

	"galago/assets"
	"galago/assets/words"
)

// speak uses one of the translations; English has none.
func speak(language string) {
	if language == "en" {
		return
	}
	texts := map[string]string{}
	data, err := assets.Translations.ReadFile("translations/" + language + ".json")
	if err == nil {
		err = json.Unmarshal(data, &texts)
	}
	if err != nil {
		log.Fatal(err)
	}
	words.Use(func(english string) string {
		if t := texts[english]; t != "" {
			return t
		}
		return english
	})
}
