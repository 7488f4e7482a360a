"""Programs that people use: command line, panel, worker, browser, the process beside an archive, cohorts."""
