package auth

// What tests reach of the module beside its HTTP routes.
var (
	ModuleWith   = module
	ResetAdmin   = resetAdmin
	DeleteOld    = deleteExpired
	NoteSeen     = noteSeen
	SetupCSS     = setupCSS
	AdminCommand = adminCommand
)
