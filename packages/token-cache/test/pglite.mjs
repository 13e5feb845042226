// PGlite's own types do not compile without skipLibCheck: this file keeps them out of the tests' program.
export { PGlite } from '@electric-sql/pglite'
