/**
 * @module Reviews a policy: lint, semantic diff, permission matrix and one way to lay a document out.
 */
export { diffPolicies, type PolicyChange } from './diff.js'
export { formatPolicy } from './format.js'
export { type Finding, type LintOptions, type LintRule, lintPolicy, type Severity } from './lint.js'
export { type MatrixEntry, permissionMatrix } from './matrix.js'
