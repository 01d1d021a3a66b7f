// Ends the session when somebody logs out of PocketBase's dashboard, which itself only forgets
// the token: who has it could go on with it. app is PocketBase's.

let token = app.pb.authStore.token;

app.pb.authStore.onChange((next) => {
    if (token && !next) {
        // It may be over already, and there is nobody left to tell.
        fetch(app.pb.buildURL("/api/auth/logout"), { method: "POST", headers: { Authorization: token }, keepalive: true }).catch(() => {});
    }
    token = next;
});
