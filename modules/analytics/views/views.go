// Package views is the warehouse as people look at it: a star of facts and dimensions, and
// what a chain of clinics adds up to. Views hold nothing, so they are never behind.
package views

import (
	"fmt"
	"strings"
)

// View is one view of the schema polyclinic, with a comment for the catalogue.
type View struct {
	Name, Doc string
	Columns   []Column
	From      string // what follows the columns
}

// Column is a column of a view: an expression, its name, and a comment.
type Column struct{ SQL, Name, Doc string }

// Currencies by how many decimals they have; all others have two.
// Source: ISO 4217, list one (2024), as clinicapi.Decimals.
const (
	noDecimals    = "'BIF','CLP','DJF','GNF','ISK','JPY','KMF','KRW','PYG','RWF','UGX','VND','VUV','XAF','XOF','XPF'"
	threeDecimals = "'BHD','IQD','JOD','KWD','LYD','OMR','TND'"
)

// major is an amount in major units of a currency: numeric, so exact.
func major(minor, currency string) string {
	return fmt.Sprintf("round(%s / CASE WHEN %s IN (%s) THEN 1.0 WHEN %s IN (%s) THEN 1000.0 ELSE 100.0 END, 3)", minor, currency, noDecimals, currency, threeDecimals)
}

const month = "to_char(%s, 'YYYY-MM')"

// SQL returns the statements that make the views and their comments, or make them anew
// after an update. They may be run again.
func SQL() (statements []string) {
	for _, v := range All() {
		var columns []string
		for _, c := range v.Columns {
			columns = append(columns, c.SQL+" AS "+c.Name)
		}
		statements = append(statements, fmt.Sprintf("CREATE OR REPLACE VIEW polyclinic.%s AS SELECT %s %s", v.Name, strings.Join(columns, ", "), v.From),
			fmt.Sprintf("COMMENT ON VIEW polyclinic.%s IS %s", v.Name, literal(v.Doc)))
		for _, c := range v.Columns {
			statements = append(statements, fmt.Sprintf("COMMENT ON COLUMN polyclinic.%s.%s IS %s", v.Name, c.Name, literal(c.Doc)))
		}
	}
	return statements
}

func literal(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// All returns the views in an order in which they can be made.
func All() []View {
	return append(append(dimensions(), facts()...), chain()...)
}

var siteID = Column{"t.site_id", "site_id", "The site, see dim_site."}

func dimensions() []View {
	return []View{
		{"dim_site", "One row per site: what it is called, and how fresh its rows are.", []Column{
			siteID,
			{"t.name", "name", "The clinic's name."},
			{"t.currency", "currency", "ISO 4217 code of its amounts."},
			{"t.time_zone", "time_zone", "IANA name. Days in the facts are the site's own."},
			{"s.shipped_at", "shipped_at", "When changes arrived last."},
			{"s.snap <> ''", "first_copy_under_way", "The site's tables are being read in full: figures are not complete."},
		}, "FROM polyclinic.clinic t LEFT JOIN polyclinic.sync_site s ON s.site_id = t.site_id"},
		{"dim_patient", "One row per patient, without anything that says who it is.", []Column{
			siteID,
			{"t.id", "patient_id", "The patient's id at the site, or a pseudonym."},
			{"coalesce(nullif(lower(trim(t.gender)), ''), 'unknown')", "gender", "As the site notes it, in lower case, or unknown."},
			{"t.birth_year", "birth_year", "Year of birth, if it is known."},
			{ageGroup, "age_group", "Now, by the day of birth or, where it is not here, by the difference of the years: 0-4, 5-17, 18-39, 40-64, 65-79, 80+ or unknown."},
			{"t.registered_on", "registered_on", "The site's day on which the patient came onto the register."},
			{"t.deleted_at IS NULL", "on_register", "The patient was not taken off the register."},
		}, "FROM polyclinic.patients t"},
		{"dim_doctor", "One row per doctor.", []Column{
			siteID,
			{"t.id", "doctor_id", "The doctor's id at the site."},
			{"t.name", "name", "The doctor's name."},
			{"t.specialty", "specialty", "The doctor's specialty."},
			{"t.deleted_at IS NULL", "active", "The doctor has not left."},
		}, "FROM polyclinic.doctors t"},
		// Every day that a clinic can enter or import, see clinicapi.ParseDay: a fact without its day
		// would be lost to whoever joins the two.
		{"dim_date", "One row per day from 1900 to 2200.", []Column{
			{"t.d::date", "date", "The day."},
			{"extract(year FROM t.d)::int", "year", "The year."},
			{"extract(quarter FROM t.d)::int", "quarter", "1 to 4."},
			{fmt.Sprintf(month, "t.d"), "month", "YYYY-MM."},
			{"extract(isoyear FROM t.d)::int", "iso_year", "The year of the ISO week."},
			{"extract(week FROM t.d)::int", "iso_week", "1 to 53."},
			{"extract(isodow FROM t.d)::int", "weekday", "1 for Monday to 7 for Sunday."},
			{"extract(isodow FROM t.d) > 5", "weekend", "Saturday or Sunday."},
		}, "FROM generate_series(timestamp '1900-01-01', timestamp '2200-12-31', interval '1 day') AS t(d)"},
	}
}

const (
	years = "(extract(year FROM current_date)::int - t.birth_year - CASE WHEN t.born_on > current_date THEN 1000 " +
		"WHEN to_char(t.born_on, 'MM-DD') > to_char(current_date, 'MM-DD') THEN 1 ELSE 0 END)"
	ageGroup = "CASE WHEN t.birth_year IS NULL OR " + years + " < 0 THEN 'unknown' WHEN " + years + " < 5 THEN '0-4' WHEN " + years + " < 18 THEN '5-17' " +
		"WHEN " + years + " < 40 THEN '18-39' WHEN " + years + " < 65 THEN '40-64' WHEN " + years + " < 80 THEN '65-79' ELSE '80+' END"
	waited = "CASE WHEN t.started_at >= t.checked_in_at THEN round((extract(epoch FROM t.started_at - t.checked_in_at) / 60)::numeric, 2) END"
	lasted = "CASE WHEN t.completed_at >= t.started_at THEN round((extract(epoch FROM t.completed_at - t.started_at) / 60)::numeric, 2) END"
)

func facts() []View {
	return []View{
		{"fact_visits", "One row per appointment, cancelled ones too.", []Column{
			siteID,
			{"t.id", "visit_id", "The appointment's id at the site."},
			{"t.patient_id", "patient_id", "See dim_patient."},
			{"t.doctor_id", "doctor_id", "See dim_doctor."},
			{"t.appointment_date", "date", "The site's day, see dim_date."},
			{fmt.Sprintf(month, "t.appointment_date"), "month", "YYYY-MM."},
			{"t.status", "status", "scheduled, checked-in, in-progress, completed, cancelled or no-show."},
			{"coalesce(t.status, '') <> 'cancelled'", "counts", "The visit counts for its patient: it was not cancelled."},
			{"t.end_minute - t.start_minute", "slot_minutes", "Length of the slot."},
			{waited, "waited_minutes", "From arrival to the start of the visit, where both were noted."},
			{lasted, "visit_minutes", "From the start to the end of the visit, where both were noted."},
		}, "FROM polyclinic.appointments t"},
		{"fact_invoices", "One row per invoice that was issued; drafts and void ones are left out.", []Column{
			siteID,
			{"t.id", "invoice_id", "The invoice's id at the site."},
			{"t.patient_id", "patient_id", "See dim_patient."},
			{"t.doctor_id", "doctor_id", "See dim_doctor."},
			{"t.appointment_id", "visit_id", "See fact_visits."},
			{"t.issued_on", "date", "The site's day of issue, see dim_date."},
			{fmt.Sprintf(month, "t.issued_on"), "month", "YYYY-MM."},
			{"coalesce(t.due_on, t.issued_on)", "due_on", "The day by which it is to be paid."},
			{"t.status", "status", "unpaid, partial, paid or refunded."},
			{"t.currency", "currency", "ISO 4217 code: amounts of different ones do not add up."},
			{"t.amount", "billed_minor", "What is billed, in minor units."},
			{"t.balance", "outstanding_minor", "What is still owed, in minor units."},
			{major("t.amount", "t.currency"), "billed", "What is billed, in major units."},
			{major("t.balance", "t.currency"), "outstanding", "What is still owed, in major units."},
		}, "FROM polyclinic.invoices t WHERE coalesce(t.status, '') NOT IN ('draft', 'void')"},
		{"fact_payments", "One row per payment or refund.", []Column{
			siteID,
			{"t.id", "payment_id", "The payment's id at the site."},
			{"t.invoice_id", "invoice_id", "See fact_invoices."},
			{"i.patient_id", "patient_id", "See dim_patient."},
			{"i.doctor_id", "doctor_id", "See dim_doctor."},
			{"t.paid_on", "date", "The site's day, see dim_date."},
			{fmt.Sprintf(month, "t.paid_on"), "month", "YYYY-MM."},
			{"t.kind", "kind", "payment or refund."},
			{"t.method", "method", "cash, card, transfer, insurance or other."},
			{"i.currency", "currency", "ISO 4217 code: amounts of different ones do not add up."},
			{"CASE WHEN t.kind = 'payment' THEN t.amount ELSE 0 END", "collected_minor", "What came in, in minor units."},
			{"CASE WHEN t.kind = 'refund' THEN t.amount ELSE 0 END", "refunded_minor", "What went back, in minor units."},
			{major("CASE WHEN t.kind = 'payment' THEN t.amount ELSE 0 END", "i.currency"), "collected", "What came in, in major units."},
			{major("CASE WHEN t.kind = 'refund' THEN t.amount ELSE 0 END", "i.currency"), "refunded", "What went back, in major units."},
		}, "FROM polyclinic.payments t LEFT JOIN polyclinic.invoices i ON i.site_id = t.site_id AND i.id = t.invoice_id"},
	}
}

// chain views are over all sites. Amounts are by currency: they never add up across.
func chain() []View {
	return []View{
		{"chain_revenue", "Revenue of each site by month and currency. The sum over sites is the chain's.", []Column{
			siteID,
			{"t.month", "month", "YYYY-MM."},
			{"t.currency", "currency", "ISO 4217 code."},
			{"sum(t.invoices)::bigint", "invoices", "How many were issued."},
			{"sum(t.billed)::bigint", "billed_minor", "Invoices by the day of issue, in minor units."},
			{"sum(t.collected)::bigint", "collected_minor", "Payments by their day, in minor units."},
			{"sum(t.refunded)::bigint", "refunded_minor", "Refunds by their day, in minor units."},
			{"sum(t.outstanding)::bigint", "outstanding_minor", "What is owed now on the invoices of the month, in minor units."},
			{major("sum(t.billed)", "t.currency"), "billed", "In major units."},
			{major("sum(t.collected)", "t.currency"), "collected", "In major units."},
			{major("sum(t.refunded)", "t.currency"), "refunded", "In major units."},
			{major("sum(t.outstanding)", "t.currency"), "outstanding", "In major units."},
		}, "FROM (SELECT site_id, month, currency, 1 AS invoices, billed_minor AS billed, 0 AS collected, 0 AS refunded, outstanding_minor AS outstanding FROM polyclinic.fact_invoices " +
			"UNION ALL SELECT site_id, month, currency, 0, 0, collected_minor, refunded_minor, 0 FROM polyclinic.fact_payments) t GROUP BY t.site_id, t.month, t.currency"},
		{"chain_visits", "Visits of each site by month. A patient who comes to two sites is two patients.", []Column{
			siteID,
			{"t.month", "month", "YYYY-MM."},
			{"count(*)", "visits", "All appointments, whatever became of them."},
			{"count(*) FILTER (WHERE t.status = 'completed')", "completed", "Those that took place."},
			{"count(*) FILTER (WHERE t.status = 'cancelled')", "cancelled", "Those that were called off."},
			{"count(*) FILTER (WHERE t.status = 'no-show')", "no_show", "Those to which nobody came."},
			{"count(DISTINCT coalesce(t.patient_id, '')) FILTER (WHERE t.counts)", "patients", "With at least one that was not cancelled. All of whom it is not said who they are count as one."},
		}, "FROM polyclinic.fact_visits t GROUP BY t.site_id, t.month"},
	}
}
