package backup

import (
	"context"
	"errors"
	"fmt"
	"time"

	"filippo.io/age"
	"github.com/pocketbase/pocketbase/core"
	"github.com/spf13/cobra"

	"github.com/polyclinic-os/polyclinic/kernel"
)

// patience bounds one step or base: a place that hangs must not hold the next ones up for ever.
const patience = time.Hour

// interval returns how often a copy is to be made, 0 for never.
func interval() (time.Duration, error) {
	text := every.Value()
	if text == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return 0, fmt.Errorf("%s is %q, want a time such as 5m", every.Name, text)
	}
	return d, nil
}

// copyNow is the job of every minute: it makes a step where one is due, and then a base.
func (m maker) copyNow(app core.App) error {
	often, err := interval()
	if err != nil || often == 0 {
		return err
	}
	s, err := readState(app)
	if err != nil {
		return err
	}
	// Half a minute less: the job's minutes differ.
	if wait := often - 30*time.Second; time.Since(s.Tried).Abs() < wait {
		return nil
	}
	if _, err = m.copy(app); errors.Is(err, errBusy) {
		return nil
	}
	return errors.Join(err, m.renew(app))
}

// errPlainAway is errPlainOutside, of a folder.
var errPlainAway = errors.New("what " + everyTo.Name + " names leaves this machine, so it has to be encrypted: set " + passphrase.Name + " or " + recipients.Name)

// target returns where copies go and whom they are encrypted to.
func target(app core.App) (place, []age.Recipient, error) {
	p := placeOf(app)
	to, err := sealer()
	switch {
	case err != nil:
		return p, nil, err
	case len(to) == 0 && p.folder == "":
		return p, nil, errPlainOutside
	case len(to) == 0 && !p.own:
		return p, nil, errPlainAway
	}
	return p, to, p.ready()
}

// copy makes a step, or a base where there is none that fits. It returns where it is, "" when the
// newest is of the same data.
func (m maker) copy(app core.App) (where string, err error) {
	release, err := hold(app, &m.copying.step, "step")
	if err != nil {
		return "", err
	}
	defer release()
	tried := time.Now()
	where, err = m.copyTo(app)
	if errors.Is(err, errBusy) {
		return "", err // the base that it waits for is being made
	}
	noted := m.change(app, func(s *state) {
		s.Tried, s.Error = tried, ""
		if err != nil {
			s.Error = err.Error()
		}
	})
	return where, errors.Join(err, noted)
}

func (m maker) copyTo(app core.App) (where string, err error) {
	p, to, err := target(app)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c, err := current(app)
	if err != nil {
		return "", err
	}
	if m.fits(c, p, to) {
		name, err := m.step(ctx, app, p, c)
		if !errors.Is(err, errOutgrown) {
			return name, err
		}
	}
	return m.base(ctx, app, p, to)
}

// renew makes a new base where the one in use is old, or not whole, or its steps have grown large. Steps go on
// meanwhile, on the one in use.
func (m maker) renew(app core.App) error {
	c, err := current(app)
	if err != nil {
		return err
	}
	s, err := readState(app)
	if err != nil {
		return err
	}
	large := s.Bytes > max(smallStep, c.Bytes/baseShare)
	if !large && s.Wrong == "" && time.Since(c.At).Abs() < baseFor || time.Since(s.Renewed).Abs() < time.Hour {
		return nil
	}
	p, to, err := target(app)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	tried := time.Now()
	if _, err = m.base(ctx, app, p, to); errors.Is(err, errBusy) {
		return nil
	}
	noted := m.change(app, func(s *state) {
		s.Renewed, s.Failed = tried, ""
		if err != nil {
			s.Failed = err.Error()
		}
	})
	return errors.Join(err, noted)
}

// current returns the base in use; the zero chain when there is none.
func current(app core.App) (c chain, err error) {
	err = recall(app, "chain.json", &c)
	return c, err
}

func (m maker) stepCommand(k *kernel.Kernel) *cobra.Command {
	return &cobra.Command{
		Use: "step", Short: "Make one of the copies of " + every.Name + " now: what changed since their base, or a base", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			where, err := m.copy(k.App)
			if err != nil {
				return err
			}
			if where == "" {
				where = "nothing has changed since the newest"
			}
			_, err = fmt.Fprintln(c.OutOrStdout(), where)
			return err
		},
	}
}

// copyChecks looks at the copies of every few minutes.
func copyChecks(app core.App, now time.Time) (found []kernel.Finding) {
	say := func(level kernel.Level, code, text string) {
		found = append(found, kernel.Finding{Level: level, Code: code, Text: text})
	}
	p := placeOf(app)
	often, err := interval()
	to, keyErr := sealer()
	switch {
	case err != nil:
		say(kernel.Risk, "copies_every", "No copies are made every few minutes: "+every.Name+" is no time such as 5m.")
		return found
	case often == 0 && everyTo.Value() != "":
		say(kernel.Note, "copies_off", everyTo.Name+" is set and "+every.Name+" is not, so nothing is copied there: set "+every.Name+"=5m.")
		return found
	case often == 0:
		if !p.own && keyErr == nil && len(to) > 0 {
			say(kernel.Note, "copies_off", "A disk that fails takes what was written since the last backup with it: set "+every.Name+"=5m, and only minutes can be lost.")
		}
		return found
	}
	s, err := readState(app)
	if err != nil {
		return nil // the folder cannot be read: that is another check's
	}
	switch {
	case len(to) == 0 && !p.own && keyErr == nil:
		say(kernel.Alarm, "copies_plain", "The copies of "+every.Name+" leave this machine and have no key, so none is made: set "+passphrase.Name+" or "+recipients.Name+".")
	case s.At.IsZero() && s.Error == "":
		say(kernel.Note, "copies_none", "There is none of the copies of "+every.Name+" yet: a running server makes the first within a minute.")
	case s.At.IsZero(), now.Sub(s.At) > max(3*often, often+10*time.Minute):
		say(kernel.Alarm, "copies_old", fmt.Sprintf("No copy of the last %d minutes was made, though %s asks for one every %s: run `polyclinic backup step` to see why.", minutes(s, now, often), every.Name, often))
	case s.Error != "":
		say(kernel.Risk, "copies_failed", "The last of the copies of "+every.Name+" failed, and is tried again: run `polyclinic backup step` to see why.")
	}
	switch {
	case s.Wrong != "":
		say(kernel.Alarm, "copies_not_whole", "One of the copies of "+every.Name+" was opened and is not whole: `polyclinic backup verify` says why. A new base is made within the hour; if this stays, see to the disks and to what the other findings say.")
	case s.NoLook != "":
		say(kernel.Risk, "copies_not_opened", "The copies of "+every.Name+" were not opened to see whether they are whole: "+s.NoLook+". Make room, or run `polyclinic backup verify` on another machine.")
	}
	if s.Failed != "" {
		say(kernel.Risk, "copies_base", "A new base for the copies of "+every.Name+" could not be made, so steps grow: make room for it where they go, and see the server's log.")
	}
	if !p.away() {
		say(kernel.Risk, "copies_same_disk", "The copies of "+every.Name+" lie on the disk that they are to survive: name a folder on another with "+everyTo.Name+", or set an S3 in the dashboard.")
	}
	if s.Strange > 0 {
		say(kernel.Note, "copies_strange", fmt.Sprintf("Where the copies of %s go lie %d that another data folder made, or this one before it was restored: remove them when nobody needs them any more.", every.Name, s.Strange))
	}
	return found
}

func minutes(s state, now time.Time, often time.Duration) int {
	if s.At.IsZero() {
		return int(often.Minutes())
	}
	return int(now.Sub(s.At).Minutes())
}
