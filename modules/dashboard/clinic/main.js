// The page "Clinic" of PocketBase's dashboard: every report that the API documents, the state
// of the Postgres sync, and what the server finds wrong. app, t and store are PocketBase's.
// It knows no report by name: one that a module adds is shown as soon as it is there.

const path = "#/clinic";
const spans = [["This month", 1], ["3 months", 3], ["12 months", 12], ["5 years", 60]];

// rangeOf ends today, by the clinic's calendar: the browser may be in another time zone.
function rangeOf(months, timeZone) {
    const to = new Date().toLocaleDateString("sv-SE", { timeZone }); // YYYY-MM-DD
    const [year, month] = to.split("-").map(Number);
    return { from: new Date(Date.UTC(year, month - months, 1)).toISOString().slice(0, 10), to };
}

// ask returns {answer} or {error, status}; it never throws.
async function ask(url, query = {}) {
    try {
        return { answer: await app.pb.send(url, { query, requestKey: null }) };
    } catch (err) {
        return { error: err?.response?.message || "The server did not answer.", status: err?.status };
    }
}

// reportsOf lists the reports in the OpenAPI document: {url, title, about}.
function reportsOf(document) {
    return Object.entries(document.paths)
        .filter(([url, item]) => url.startsWith("/api/reports/") && item.get)
        .map(([url, item]) => ({ url, title: words(url.slice("/api/reports/".length)), about: item.get.summary }));
}

// words makes "patientSummary" and "patient-summary" into "Patient summary".
function words(name) {
    const text = name.replace(/-/g, " ").replace(/([a-z0-9])([A-Z])/g, "$1 $2").replace(/([a-zA-Z])([0-9])/g, "$1 $2").toLowerCase();
    return text.charAt(0).toUpperCase() + text.slice(1);
}

const numbers = new Intl.NumberFormat(undefined, { maximumFractionDigits: 4 });
const isObject = (v) => v !== null && typeof v === "object" && !Array.isArray(v);
const shown = (v) => (typeof v === "number" ? numbers.format(v) : typeof v === "boolean" ? (v ? "yes" : "no") : String(v ?? ""));

// figuresOf returns an answer's single values as [label, text]; those of an object within it
// carry its name. What the range says already is left out.
function figuresOf(answer, before = "") {
    return Object.entries(answer).flatMap(([name, v]) => {
        if (Array.isArray(v) || (!before && ["from", "to", "generatedAt"].includes(name))) return [];
        if (isObject(v)) return figuresOf(v, name + " ");
        return [[words(before + name), shown(v)]];
    });
}

const listsOf = (answer) => Object.entries(answer).filter(([, v]) => Array.isArray(v) && v.length > 0 && isObject(v[0]));

function table(rows) {
    const columns = Object.keys(rows[0]).filter((c) => rows.every((r) => !isObject(r[c]) && !Array.isArray(r[c])));
    return t.div(
        { className: "table-wrapper", style: "max-height: 320px; overflow: auto; margin-bottom: 10px" },
        t.table(
            { className: "responsive-table" },
            t.thead(null, t.tr(null, columns.map((c) => t.th({ scope: "col" }, words(c))))),
            t.tbody(null, rows.map((r) => t.tr(null, columns.map((c) => t.td({ className: typeof r[c] === "number" ? "txt-right" : "" }, shown(r[c])))))),
        ),
    );
}

function figures(pairs) {
    return t.table(
        null,
        t.tbody(null, pairs.map(([label, value]) => t.tr(null, t.th({ scope: "row", className: "txt-normal" }, label), t.td({ className: "txt-right" }, t.strong(null, value))))),
    );
}

function card(id, title, about, body) {
    return t.section(
        { id, className: "clinic-card", style: "break-inside: avoid; margin-bottom: 30px" },
        t.h2({ className: "txt-lg", style: "margin: 0" }, title),
        t.p({ className: "txt-sm txt-hint", style: "margin: 0 0 10px" }, about),
        body,
    );
}

function result({ answer, error }) {
    if (error) return t.div({ className: "alert warning", role: "alert" }, error);
    return [
        figures(figuresOf(answer)),
        ...listsOf(answer).map(([name, rows]) => t.details(null, t.summary({ style: "cursor: pointer; padding: 6px 0" }, `${words(name)} (${rows.length})`), table(rows))),
    ];
}

// findings says what the server finds wrong, worst first as it answers them.
function findings({ answer, error }) {
    if (error && !answer) return t.div({ className: "alert danger", role: "alert" }, error);
    const found = answer?.data?.findings ?? [];
    if (found.length === 0) return t.div({ className: "alert success" }, answer?.message || "Nothing is wrong.");
    return found.map((f) => t.div({ className: f.level === "alarm" ? "alert danger" : "alert warning", style: "margin-bottom: 6px" }, f.text));
}

function sync({ answer, error, status }) {
    if (status === 503) return t.div({ className: "alert info" }, error);
    return result({ answer, error });
}

function page() {
    app.store.title = "Clinic";
    const state = store({ months: 12, loading: false, cards: [] });
    let newest = 0;

    async function load() {
        const mine = ++newest;
        state.loading = true;
        const [clinic, document, health, syncing] = await Promise.all([ask("/api/clinic"), ask("/api/openapi.json"), ask("/api/health"), ask("/api/analytics/status")]);
        const range = rangeOf(state.months, clinic.answer?.timeZone);
        const reports = document.answer ? reportsOf(document.answer) : [];
        const answers = await Promise.all(reports.map((r) => ask(r.url, range)));
        if (mine !== newest) return; // another period was chosen meanwhile
        state.cards = [
            () => card("clinic-health", "Server", "What a person should see to", findings(health)),
            ...reports.map((r, i) => () => card("clinic-" + r.url.split("/").pop(), r.title, r.about, result(answers[i]))),
            () => card("clinic-sync", "Postgres sync", "State of the warehouse", sync(syncing)),
        ];
        if (document.error) state.cards = [() => card("clinic-reports", "Reports", "", result(document)), ...state.cards];
        state.loading = false;
    }
    load();

    return t.div(
        { pbEvent: "pageClinic", className: "page page-clinic" },
        t.div(
            { className: "page-content full-height" },
            t.header(
                { className: "page-header" },
                t.nav({ className: "breadcrumbs" }, t.div({ className: "breadcrumb-item" }, "Clinic")),
                t.label({ className: "txt-hint", style: "display: flex; gap: 8px; align-items: center" }, "Period",
                    t.select({
                        id: "clinic-period",
                        onchange: (e) => {
                            state.months = Number(e.target.value);
                            load();
                        },
                    }, spans.map(([label, months]) => t.option({ value: months, selected: months === 12 }, label)))),
                app.components.refreshButton({ className: "btn sm transparent secondary circle", onclick: load }),
            ),
            t.div(
                { className: "m-b-base", style: "padding: 0 30px", ariaBusy: () => String(state.loading) },
                () => (state.loading && state.cards.length === 0 ? t.span({ className: "loader lg", title: "Loading" }) : null),
                t.div({ style: "columns: 380px; column-gap: 30px; max-width: 1600px" }, () => state.cards.map((make) => make())),
            ),
            t.footer({ className: "page-footer" }, app.components.credits()),
        ),
    );
}

app.routes.superuserOnly(path, page);
app.store.headerLinks.unshift({ href: path, icon: "ri-hospital-line", label: "Clinic" });
