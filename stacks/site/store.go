package site

// ObjectStore is an S3 store with object lock: Ceph RGW, MinIO, or S3 of another region. Its administrator's key and the
// key of each consumer are secrets of the stack; docs/providers/objectstore.md says which, and what each may do.
type ObjectStore struct {
	// Endpoint of its S3 API.
	Endpoint URL `yaml:"endpoint" example:"https://s3.sto-1.example.org"`
	// Region that its requests are signed for.
	Region Region `yaml:"region" example:"sto-1"`
	// Country in which the data lie.
	Country Country `yaml:"country" example:"se"`
}

// BackupPlace is where another stack's backups lie.
type BackupPlace struct {
	// Region in which they lie.
	Region Region `yaml:"region" example:"got-1"`
	// Account or project that owns them.
	Account Text `yaml:"account" example:"care-backup"`
	// Endpoint of their S3 store. Absent on AWS: S3 in the region and account above.
	Endpoint URL `yaml:"endpoint,omitempty" example:"https://s3.got-1.example.org"`
	// Role is the ARN of the role by which the program makes the one credential that reads them; where there is no
	// endpoint.
	Role RoleARN `yaml:"role,omitempty" example:"arn:aws:iam::210987654321:role/lagrum-stores"`
}
