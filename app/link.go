package app

import (
	"errors"
	"net/url"
	"strings"

	"galago/assets/words"
)

// OpenLink opens a page in the browser, or a letter in the mail program. The person has seen the address and agreed. Where it
// cannot be opened it is copied.
func (c *Controller) OpenLink(address string) {
	u, err := webAddress(address)
	if err == nil && c.browse != nil {
		err = c.browse(u)
	}
	if err != nil || c.browse == nil {
		c.copyAddress(address)
	}
}

// linkOpener is OpenLink, or nil where nothing can open links.
func (c *Controller) linkOpener() func(string) {
	if c.browse == nil {
		return nil
	}
	return c.OpenLink
}

// webAddress refuses what is no address of a page or of a letter: others may start any program.
func webAddress(address string) (*url.URL, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	switch strings.ToLower(u.Scheme) {
	case "http", "https":
		if u.Host != "" {
			return u, nil
		}
	case "mailto":
		return u, nil
	}
	return nil, errors.New("no address of a page")
}

func (c *Controller) copyAddress(address string) {
	c.copy(address)
	c.view.Notify(words.T("Copied: %s", address))
}
