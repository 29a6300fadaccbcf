module github.com/lagrum/lagrum/lab/programs/probe

go 1.26
