module peers/opa/ratify-v1.2

go 1.26

require github.com/ratify-project/ratify v1.2.3
