package kernel

import (
	"github.com/pocketbase/pocketbase/tools/search"
)

// Page is the In of a route that answers a list which no collection stands behind. A list
// of records is a Resource, and takes filter, sort, expand and q besides.
type Page struct {
	Page      int  `query:"page" doc:"1 is the first"`
	PerPage   int  `query:"perPage" doc:"30 by default, 200 at most"`
	SkipTotal bool `query:"skipTotal" doc:"true: do not count, totalItems and totalPages are -1"`
}

// defaultPerPage is PocketBase's.
const defaultPerPage = 30

// Paged is a list in the shape of API.md.
type Paged[T any] struct {
	Page       int `json:"page"`
	PerPage    int `json:"perPage"`
	TotalItems int `json:"totalItems"`
	TotalPages int `json:"totalPages"`
	Items      []T `json:"items"`
}

// NewPaged begins the answer for a page: sizes within bounds, no items yet. total does not
// count when the client asked not to.
func NewPaged[T any](p Page, total int) Paged[T] {
	if p.PerPage < 1 {
		p.PerPage = defaultPerPage
	}
	l := Paged[T]{Page: max(p.Page, 1), PerPage: min(p.PerPage, maxPerPage), TotalItems: total, Items: []T{}}
	l.TotalPages = (total + l.PerPage - 1) / l.PerPage
	if p.SkipTotal {
		l.TotalItems, l.TotalPages = -1, -1 // as PocketBase
	}
	return l
}

// Offset is how many rows the pages ahead of this one hold.
func (l Paged[T]) Offset() int64 { return int64(l.PerPage) * int64(l.Page-1) }

// result is the list as PocketBase's own, so that ?fields= picks from the items.
func (l Paged[T]) result() *search.Result {
	return &search.Result{Page: l.Page, PerPage: l.PerPage, TotalItems: l.TotalItems, TotalPages: l.TotalPages, Items: l.Items}
}
