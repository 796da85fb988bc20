package ui

import (
	"time"

	"galago/assets/words"
)

// dayHeading names the day of t as a person says it at a time now, in the place where now is.
func dayHeading(t, now time.Time) string {
	t = t.In(now.Location())
	switch days := daysBetween(t, now); {
	case days <= 0: // also what a clock that was wrong put into the future
		return words.T("Today")
	case days == 1:
		return words.T("Yesterday")
	case days < 7:
		return weekdayName(t.Weekday())
	case t.Year() == now.Year():
		return words.T("%d %s", t.Day(), monthName(t.Month()))
	}
	return words.T("%d %s %d", t.Day(), monthName(t.Month()), t.Year())
}

// daysBetween counts midnights, whatever the hours between them.
func daysBetween(from, to time.Time) int {
	noon := func(t time.Time) time.Time {
		y, m, d := t.Date()
		return time.Date(y, m, d, 12, 0, 0, 0, time.UTC)
	}
	return int(noon(to).Sub(noon(from)) / (24 * time.Hour))
}

// dayOf are the beginning of the day of t, in the place where now is, and that of the day after.
func dayOf(t, now time.Time) (begin, end time.Time) {
	y, m, d := t.In(now.Location()).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, now.Location()), time.Date(y, m, d+1, 0, 0, 0, 0, now.Location())
}

func weekdayName(d time.Weekday) string {
	switch d {
	case time.Monday:
		return words.T("Monday")
	case time.Tuesday:
		return words.T("Tuesday")
	case time.Wednesday:
		return words.T("Wednesday")
	case time.Thursday:
		return words.T("Thursday")
	case time.Friday:
		return words.T("Friday")
	case time.Saturday:
		return words.T("Saturday")
	}
	return words.T("Sunday")
}

func monthName(m time.Month) string {
	switch m {
	case time.January:
		return words.T("January")
	case time.February:
		return words.T("February")
	case time.March:
		return words.T("March")
	case time.April:
		return words.T("April")
	case time.May:
		return words.T("May")
	case time.June:
		return words.T("June")
	case time.July:
		return words.T("July")
	case time.August:
		return words.T("August")
	case time.September:
		return words.T("September")
	case time.October:
		return words.T("October")
	case time.November:
		return words.T("November")
	}
	return words.T("December")
}
