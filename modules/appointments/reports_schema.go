package appointments

import (
	"github.com/pocketbase/pocketbase/core"
)

// initSummary makes the sums of a day that reports add up, and tell by which days changed.
func initSummary(tx core.App) error {
	c, err := tx.FindCollectionByNameOrId("appointments")
	if err != nil {
		return err
	}
	c.AddIndex("idx_appointments_report", false, "appointmentDate, doctorId, patientId, status", "")
	if err := tx.Save(c); err != nil {
		return err
	}
	for _, statement := range []string{
		`CREATE TABLE visit_days (
			day       TEXT    PRIMARY KEY NOT NULL,
			total     INTEGER NOT NULL,
			completed INTEGER NOT NULL,
			cancelled INTEGER NOT NULL,
			noShow    INTEGER NOT NULL,
			stamp     INTEGER NOT NULL
		) WITHOUT ROWID`,
		`INSERT INTO visit_days
			SELECT appointmentDate, count(*), sum(status = 'completed'), sum(status = 'cancelled'), sum(status = 'no-show'), random()
			FROM appointments GROUP BY appointmentDate`,
		`CREATE TRIGGER visit_days_insert AFTER INSERT ON appointments BEGIN
			INSERT INTO visit_days
			VALUES (NEW.appointmentDate, 1, NEW.status = 'completed', NEW.status = 'cancelled', NEW.status = 'no-show', random())
			ON CONFLICT (day) DO UPDATE SET total = total + 1, completed = completed + excluded.completed,
				cancelled = cancelled + excluded.cancelled, noShow = noShow + excluded.noShow, stamp = excluded.stamp;
		END`,
		`CREATE TRIGGER visit_days_update AFTER UPDATE ON appointments
		WHEN NEW.appointmentDate != OLD.appointmentDate OR NEW.status != OLD.status OR NEW.patientId != OLD.patientId OR NEW.doctorId != OLD.doctorId BEGIN
			UPDATE visit_days SET total = total - 1, completed = completed - (OLD.status = 'completed'),
				cancelled = cancelled - (OLD.status = 'cancelled'), noShow = noShow - (OLD.status = 'no-show'), stamp = random()
			WHERE day = OLD.appointmentDate;
			INSERT INTO visit_days
			VALUES (NEW.appointmentDate, 1, NEW.status = 'completed', NEW.status = 'cancelled', NEW.status = 'no-show', random())
			ON CONFLICT (day) DO UPDATE SET total = total + 1, completed = completed + excluded.completed,
				cancelled = cancelled + excluded.cancelled, noShow = noShow + excluded.noShow, stamp = excluded.stamp;
		END`,
		`CREATE TRIGGER visit_days_delete AFTER DELETE ON appointments BEGIN
			UPDATE visit_days SET total = total - 1, completed = completed - (OLD.status = 'completed'),
				cancelled = cancelled - (OLD.status = 'cancelled'), noShow = noShow - (OLD.status = 'no-show'), stamp = random()
			WHERE day = OLD.appointmentDate;
		END`,
	} {
		if _, err := tx.NonconcurrentDB().NewQuery(statement).Execute(); err != nil {
			return err
		}
	}
	return nil
}
