package auth

import "github.com/pocketbase/pocketbase/core"

// What tests reach of the module beside its HTTP routes.
var (
	ModuleWith   = module
	ResetAdmin   = resetAdmin
	DeleteOld    = deleteExpired
	NoteSeen     = noteSeen
	SetupCSS     = setupCSS
	AdminCommand = adminCommand
	SuperCommand = superuserCommand
	HashOf       = hashOf
)

// ForgetAttempts leaves what a new start of the server knows of failures: nothing.
func ForgetAttempts(app core.App) { of(app).attempts = newAttempts() }

// Crowd leaves no place for the check of one more password.
func Crowd(app core.App) { of(app).checks = &checks{} }
