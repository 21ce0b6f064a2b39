package dashboard

import (
	"encoding/json"
	"mime"
	"net/http"
	"strings"
	"time"
)

// erasePage asks whether a user is really to be erased.
func erasePage(v *visit) error { return v.askToErase(http.StatusOK, "") }

type eraseBody struct {
	ID, Action, Back, Complaint string
	Requests                    int64
}

func (v *visit) askToErase(status int, complaint string) error {
	id := v.userID()
	user, err := v.DB.Analytics(v.Context(), v.caller, id)
	if err != nil {
		return err
	}
	v.render(v.w, v.Request, status, "erase", page{
		Title: "Erase a user", Crumbs: []link{{"Users", "/users"}, {id, userPath(id)}},
		Body: eraseBody{ID: id, Action: actionPath(id, "erase"), Back: userPath(id), Complaint: complaint, Requests: user.TotalRequests},
	})
	return nil
}

// eraseUser erases a user whose id was typed: as it is, or as the page shows it.
func eraseUser(v *visit) error {
	id := v.userID()
	if asShown(v.PostFormValue("confirm")) != asShown(id) {
		return v.askToErase(http.StatusUnprocessableEntity, "This is not the user's id. Nothing was erased.")
	}
	if err := v.DB.EraseUser(v.Context(), v.caller, id); err != nil {
		return err
	}
	return v.redirect("/users")
}

// asShown is an id as it is read on a page, and thus copied or typed: browsers
// make one space of any white space.
func asShown(id string) string { return legible(strings.Join(strings.Fields(id), " ")) }

// exportUser sends everything that is stored about a user, an object a line.
func exportUser(v *visit) error {
	id := v.userID()
	control := http.NewResponseController(v.w)
	sent := 0
	err := v.DB.ExportUser(v.Context(), v.caller, id, func(kind string, object json.RawMessage) error {
		if sent == 0 {
			v.w.Header().Set("Content-Type", "application/x-ndjson")
			v.w.Header().Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": "user.ndjson"}))
		}
		if sent++; sent%csvBatch == 0 {
			_ = control.SetWriteDeadline(time.Now().Add(time.Minute))
		}
		for _, piece := range [][]byte{[]byte(`{"kind":"` + kind + `","row":`), object, []byte("}\n")} {
			if _, err := v.w.Write(piece); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil && sent > 0 {
		panic(http.ErrAbortHandler) // what was sent is not all
	}
	return err
}
