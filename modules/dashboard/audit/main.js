// The page "Audit" of PocketBase's dashboard: who saw and changed what, as GET /api/audit
// answers it, with the values of a change on demand, and the same search as a CSV file.
// app, t and store are PocketBase's; t makes text of every string, never markup.

const path = "#/audit";
const perPage = 50;

const fields = [
    { name: "actor", label: "Who", placeholder: "id, guest, system" },
    { name: "patient", label: "Patient", placeholder: "id" },
    { name: "action", label: "Action", placeholder: "any", known: ["read", "read-file", "read-live", "create", "update", "delete", "do", "sign-in", "break-glass", "erase", "search-trail"] },
    { name: "outcome", label: "Outcome", choices: ["ok", "refused", "failed"] },
    { name: "mark", label: "Mark", placeholder: "any", known: ["break-glass", "outside-care", "export", "second-factor-asked", "guesses"] },
    { name: "from", label: "From", type: "date" },
    { name: "to", label: "To", type: "date" },
];

const moment = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const whole = new Intl.NumberFormat();

// said returns an answer's own words for what went wrong, field by field where it names some.
function said(answer) {
    const bad = Object.entries(answer?.data ?? {}).map(([field, e]) => (field === "error" ? e.message : `${field}: ${e.message}`));
    return bad.join(" ") || answer?.message || "The server did not answer.";
}

// whoOf names who acted; superusers have no name in the clinic.
const whoOf = (e) => e.actorName || (e.role === "superuser" ? "superuser" : e.actor);

// idOf returns what the filter takes: an account's id, or the actor as the entry has it.
const idOf = (actor) => (actor.startsWith("users/") ? actor.slice("users/".length) : actor);

const valueOf = (v) => (v === null || v === undefined ? "" : typeof v === "object" ? JSON.stringify(v) : String(v));

function control(field) {
    const attrs = { id: "audit-" + field.name, name: field.name };
    if (field.choices) return t.select(attrs, t.option({ value: "" }, "any"), field.choices.map((c) => t.option({ value: c }, c)));
    const input = t.input({ ...attrs, type: field.type || "text", placeholder: field.placeholder || "", autocomplete: "off", spellcheck: false });
    if (!field.known) return input;
    input.setAttribute("list", "audit-known-" + field.name); // no property: list is read-only
    return [input, t.datalist({ id: "audit-known-" + field.name }, field.known.map((value) => t.option({ value })))];
}

// search is a button that looks like the text in it.
const search = (text, title, onclick) => t.button({ type: "button", className: "link-hint", title, onclick }, text);

// changes is a table of what was there before and after, empty when no values are kept.
function changes(e) {
    const names = [...new Set([...(e.fields ?? []), ...Object.keys(e.before ?? {}), ...Object.keys(e.after ?? {})])];
    if (names.length === 0) return null;
    if (!e.before && !e.after) return t.p({ className: "txt-hint" }, `Changed: ${names.join(", ")}. The values are not kept.`);
    const style = "height: auto; padding: 4px 20px 4px 0; white-space: pre-wrap; overflow-wrap: anywhere";
    return t.table(
        { className: "audit-changes", style: "width: auto; min-width: 50%; margin-bottom: 10px" },
        t.thead(null, t.tr(null, ["Field", "Before", "After"].map((c) => t.th({ scope: "col", style }, c)))),
        t.tbody(null, names.map((name) => t.tr(null, t.th({ scope: "row", className: "txt-normal", style }, name), [e.before, e.after].map((side) => t.td({ style }, valueOf(side?.[name])))))),
    );
}

function details(e) {
    const rest = [["Account", e.actor], ["Records", (e.items ?? []).join(", ")], ["Status", e.status || ""], ["Count", e.count || ""], ["Address", e.address], ["Session", e.session], ["Request", e.request], ["Hash", e.hash]];
    return t.tr(
        { className: "audit-details" },
        t.td(
            { colSpan: 8, style: "padding: 12px 30px; white-space: normal" },
            changes(e),
            t.div(
                { className: "txt-sm", style: "display: grid; grid-template-columns: max-content 1fr; gap: 2px 14px" },
                rest.filter(([, v]) => v !== "" && v !== undefined).flatMap(([label, v]) => [t.span({ className: "txt-hint" }, label), t.span({ style: "overflow-wrap: anywhere" }, String(v))]),
            ),
        ),
    );
}

// save hands the browser a file.
function save(blob, name) {
    const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: name });
    link.click();
    URL.revokeObjectURL(link.href);
}

function page() {
    app.store.title = "Audit";
    const state = store({ page: 1, pages: 1, total: 0, loading: true, error: "", entries: [], open: 0 });
    let asked = {}; // the filters of the entries that are shown
    let turn = 0; // an answer that a later question has overtaken is dropped
    let form;

    async function load(to) {
        const mine = ++turn;
        state.loading = true;
        state.error = "";
        try {
            const found = await app.pb.send("/api/audit", { query: { ...asked, page: to, perPage }, requestKey: null });
            if (mine !== turn) return;
            Object.assign(state, { page: found.page, pages: Math.max(found.totalPages, 1), total: found.totalItems, entries: found.items, open: 0 });
        } catch (err) {
            if (mine !== turn) return;
            Object.assign(state, { error: said(err?.response), entries: [], total: 0, page: 1, pages: 1 });
        }
        state.loading = false;
    }

    function ask() {
        asked = Object.fromEntries([...new FormData(form)].map(([name, v]) => [name, v.trim()]).filter(([, v]) => v));
        return load(1);
    }

    function narrow(name, value) {
        form.elements[name].value = value;
        ask();
    }

    async function download() {
        state.error = "";
        const url = app.pb.buildURL("/api/audit?" + new URLSearchParams({ ...asked, format: "csv" }));
        try {
            const answer = await fetch(url, { headers: { Authorization: app.pb.authStore.token } });
            if (!answer.ok) state.error = said(await answer.json());
            else save(await answer.blob(), "audit.csv");
        } catch {
            state.error = said();
        }
    }

    const row = (e, open) => t.tr(
        { className: "audit-entry" },
        t.td({ style: "white-space: nowrap", title: e.at }, moment.format(new Date(e.at))),
        t.td(null, search(whoOf(e), "Only this one", () => narrow("actor", idOf(e.actor))), e.role && e.role !== whoOf(e) ? t.span({ className: "txt-hint" }, " " + e.role) : null),
        t.td(null, e.action),
        t.td({ style: "overflow-wrap: anywhere" }, e.target),
        t.td(null, (e.patients ?? []).length > 3 ? `${e.patients.length} patients` : (e.patients ?? []).map((id) => t.div(null, search(id, "Only this patient", () => narrow("patient", id))))),
        t.td(null, t.span({ className: "label " + ({ ok: "success", refused: "warning" }[e.outcome] ?? "danger") }, e.outcome)),
        t.td({ style: "overflow-wrap: anywhere" }, (e.marks ?? []).map((m) => t.span({ className: "label warning", style: "margin-right: 4px" }, m)), e.why),
        t.td({ className: "txt-right" }, t.button({
            type: "button", className: "btn sm transparent secondary", ariaExpanded: String(open),
            onclick: () => (state.open = open ? 0 : e.seq),
        }, open ? "Less" : "More")),
    );

    const step = (label, by) => t.button({
        type: "button", className: "btn sm secondary", disabled: () => state.loading || state.page + by < 1 || state.page + by > state.pages,
        onclick: () => load(state.page + by),
    }, label);

    return t.div(
        { pbEvent: "pageAudit", className: "page page-audit" },
        t.div(
            { className: "page-content full-height" },
            t.header(
                { className: "page-header" },
                t.nav({ className: "breadcrumbs" }, t.div({ className: "breadcrumb-item" }, "Audit")),
                app.components.refreshButton({ className: "btn sm transparent secondary circle", onclick: () => load(state.page) }),
                t.button({ id: "audit-csv", type: "button", className: "btn sm secondary m-l-auto", onclick: download }, t.i({ className: "ri-download-line", ariaHidden: true }), "CSV"),
            ),
            t.form(
                {
                    id: "audit-search", style: "display: flex; flex-wrap: wrap; gap: 10px; align-items: center; padding-bottom: 15px",
                    onmount: (el) => {
                        form = el;
                        ask();
                    },
                    onsubmit: (e) => {
                        e.preventDefault();
                        ask();
                    },
                    onreset: () => setTimeout(ask), // once the fields are empty
                },
                fields.map((f) => t.div({ className: "field", style: "flex: 1 1 125px; width: auto" }, t.label({ htmlFor: "audit-" + f.name }, f.label), control(f))),
                t.button({ type: "submit", className: "btn sm" }, "Search"),
                t.button({ type: "reset", className: "btn sm transparent secondary" }, "Clear"),
            ),
            () => (state.error ? t.div({ className: "alert warning", role: "alert", style: "margin-bottom: 15px" }, state.error) : null),
            t.div(
                { id: "audit-entries", className: "page-table-wrapper", ariaBusy: () => String(state.loading) },
                t.table(
                    { className: "responsive-table" },
                    t.thead(null, t.tr(null, ["When", "Who", "Action", "On", "Patients", "Outcome", "Why", ""].map((c) => t.th({ scope: "col" }, c)))),
                    t.tbody(null, () => {
                        if (state.entries.length === 0) return t.tr(null, t.td({ colSpan: 8, className: "txt-center txt-hint" }, state.loading ? "Loading…" : "No entries."));
                        return state.entries.flatMap((e) => (state.open === e.seq ? [row(e, true), details(e)] : [row(e, false)]));
                    }),
                ),
            ),
            t.footer(
                { className: "page-footer", style: "gap: 10px" },
                step("Newer", -1),
                t.span({ id: "audit-page" }, () => `Page ${whole.format(state.page)} of ${whole.format(state.pages)}, newest first. Entries: ${whole.format(state.total)}`),
                step("Older", 1),
                app.components.credits(),
            ),
        ),
    );
}

app.routes.superuserOnly(path, page);
app.store.headerLinks.unshift({ href: path, icon: "ri-file-shield-2-line", label: "Audit" });
