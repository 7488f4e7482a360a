"""Programs that people use: command line, panel, worker, browser, the service beside an archive, cohorts."""
