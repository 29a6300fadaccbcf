module github.com/lagrum/lagrum/lab/programs/pause

go 1.26
