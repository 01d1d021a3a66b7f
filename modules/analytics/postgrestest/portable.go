package postgrestest

import (
	"regexp"
	"strings"
)

// refused is what Citus, CockroachDB, YugabyteDB or a pooler in transaction mode does not take.
var refused = []struct{ why, pattern string }{
	{"no temporary tables: a pooler's next transaction has another session, Citus does not distribute them", `\bTEMP(ORARY)?\b`},
	{"no MERGE: Citus refuses it from a plain source", `\bMERGE\b`},
	{"no sequences: a bottleneck where tables are distributed", `\b(SERIAL|BIGSERIAL|SEQUENCE|NEXTVAL|IDENTITY|GENERATED)\b`},
	{"no volatile functions in UPDATE and INSERT: Citus refuses them", `\b(RANDOM|CLOCK_TIMESTAMP|GEN_RANDOM_UUID|TIMEOFDAY|SETVAL|TXID_CURRENT)\b`},
	{"no settings of a session: it may be another's next", `^\s*(SET\s+(?:S|[^L\s])|SET\s+L[^O]|RESET\b|DISCARD\b)`},
	{"no advisory locks: CockroachDB has none, and a pooler loses them", `ADVISORY`},
	{"nothing prepared under a name", `^\s*(PREPARE|EXECUTE|DEALLOCATE)\b`},
	{"no cursors over transactions", `WITH HOLD`},
	{"nothing that waits for whole tables", `^\s*(LOCK|TRUNCATE|VACUUM)\b`},
	{"no notifications: a pooler loses them, CockroachDB has none", `^\s*(LISTEN|NOTIFY|UNLISTEN)\b`},
	{"no NOT … ANY: with 20,000 elements it took minutes", `NOT\s*\(?[^()]*=\s*ANY`},
	{"no FOR UPDATE: Citus takes it on one shard alone", `FOR\s+(UPDATE|SHARE)`},
	{"no procedural code", `^\s*(DO|CALL)\s|\bCREATE\s+(OR\s+REPLACE\s+)?(FUNCTION|PROCEDURE|TRIGGER)\b`},
	{"nothing is dropped", `\bDROP\s+(TABLE|COLUMN|SCHEMA)\b`},
}

// Unportable says why a statement is refused, "" when it is not.
func Unportable(sql string) string {
	if strings.HasPrefix(sql, "COMMENT ON ") {
		return "" // its text may hold any word
	}
	for _, r := range refused {
		if regexp.MustCompile("(?i)" + r.pattern).MatchString(sql) {
			return r.why
		}
	}
	// Distributed tables are found by their site: a statement on one names it.
	onTable := regexp.MustCompile(`(?i)\b(FROM|INTO|UPDATE|COPY)\s+polyclinic\.`).MatchString(sql)
	if onTable && !strings.Contains(sql, "site_id") {
		return "names no site_id"
	}
	return ""
}
