package store

// Planned returns statements whose plans matter, in PostgreSQL's words.
func Planned() map[string]string {
	return map[string]string{
		"a month compared": postgresEngine.sql(differingSQL),
		"a user's month":   postgresEngine.sql(saveMonthSQL),
		"a month dropped":  dropMonthSQL,
		"unfinished":       unfinishedSQL,
		"failures":         failuresSQL,
		"a total's last":   totalsTable.repairSQL(),
		"an hour's last":   hourlyTable.repairSQL(),
	}
}
