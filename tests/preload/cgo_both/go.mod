module both

go 1.19
