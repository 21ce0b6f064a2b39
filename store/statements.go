package store

import (
	"container/list"
	"context"
	"database/sql"
	"errors"
	"sync"
)

// maxStatements bounds the prepared statements that are kept: clients can ask
// for any number of different queries.
const maxStatements = 256

// statements keeps prepared statements by their SQL, the last used ones. The
// driver keeps none itself.
type statements struct {
	db    *sql.DB
	mu    sync.Mutex
	bySQL map[string]*list.Element
	order list.List // of *statement, last used first
}

type statement struct {
	*sql.Stmt
	sql     string
	users   int
	evicted bool
}

// prepare returns the statement for the SQL, prepared once. It must be given
// back with release.
func (s *statements) prepare(ctx context.Context, query string) (*statement, error) {
	if st := s.take(query); st != nil {
		return st, nil
	}
	prepared, err := s.db.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	if st := s.take(query); st != nil { // another goroutine was faster
		return st, prepared.Close()
	}
	return s.keep(&statement{Stmt: prepared, sql: query, users: 1}), nil
}

func (s *statements) take(query string) *statement {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, ok := s.bySQL[query]
	if !ok {
		return nil
	}
	s.order.MoveToFront(e)
	st := e.Value.(*statement)
	st.users++
	return st
}

func (s *statements) keep(st *statement) *statement {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.bySQL[st.sql]; ok {
		st.evicted = true // closed by its release
		return st
	}
	if s.bySQL == nil {
		s.bySQL = map[string]*list.Element{}
	}
	s.bySQL[st.sql] = s.order.PushFront(st)
	if s.order.Len() > maxStatements {
		oldest := s.order.Remove(s.order.Back()).(*statement)
		delete(s.bySQL, oldest.sql)
		oldest.evicted = true
		if oldest.users == 0 {
			oldest.Close()
		}
	}
	return st
}

func (s *statements) release(st *statement) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st.users--
	if st.evicted && st.users == 0 {
		st.Close()
	}
}

func (s *statements) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for e := s.order.Front(); e != nil; e = e.Next() {
		errs = append(errs, e.Value.(*statement).Close())
	}
	s.order.Init()
	s.bySQL = nil
	return errors.Join(errs...)
}
