package app

import (
	"galago/app/library/catalogue"
	"galago/inference/plan"
)

// judged is which models fit, and on what.
type judged struct {
	device    plan.Device                    // with what our own engine holds counted as free; its Total is 0 when it is not known
	of        map[string]catalogue.Judgement // by job
	suggested string                         // a job; empty: none fits
	onCard    bool                           // a card was asked for
	running   bool
	again     bool // it is to be judged once more when that is over
}

// judge looks at the memory as it is now and plans every model of the catalogue on it, beside the main goroutine.
func (c *Controller) judge() {
	if !c.ready {
		return
	}
	if c.judged.running {
		c.judged.again = true
		return
	}
	c.judged.running = true
	lib, list, life, gpu, pid, onCard := c.lib, c.catalogue, c.life, c.settings.GPU, c.status.PID, c.onCard()
	c.judged.onCard = onCard
	go func() {
		next := judged{onCard: onCard, of: map[string]catalogue.Judgement{}}
		if onCard {
			next.device = lib.Device(gpu, pid)
		} else {
			next.device = lib.Memory(pid)
		}
		for _, m := range list {
			for _, v := range m.Quantizations {
				if life.Err() != nil {
					return // the window is closed
				}
				next.of[jobID(m, v)] = lib.Judge(m, v, next.device)
			}
		}
		if m, v, ok := lib.Suggest(list, next.device); ok {
			next.suggested = jobID(m, v)
		}
		c.do(func() { c.takeJudged(next) })
	}()
}

func (c *Controller) takeJudged(next judged) {
	again := c.judged.again
	c.judged = next
	c.showModels()
	c.showWelcome()
	if again {
		c.judge()
	}
}

// judgeElsewhere judges anew when it turned out that models go to other memory than was thought.
func (c *Controller) judgeElsewhere() {
	if (c.page || c.welcome.shown()) && (c.judged.running || c.judged.of != nil) && c.judged.onCard != c.onCard() {
		c.judge()
	}
}

// judgeAgain judges anew when another card is used, or when clearly more or less of its memory is free, while anybody
// looks.
func (c *Controller) judgeAgain() {
	if !c.page && !c.welcome.shown() || c.judged.running || c.judged.of == nil {
		return
	}
	d := c.gaugeData()
	if len(d.reading.GPUs) == 0 {
		return
	}
	card := d.card()
	ours, _ := card.Of(c.status.PID)
	now := plan.Device{UUID: card.UUID, Total: card.Total, Free: min(card.Total, card.Free+ours)}
	if c.judged.device.GPU() && clearlyOther(c.judged.device, now) {
		c.judge()
	}
}
