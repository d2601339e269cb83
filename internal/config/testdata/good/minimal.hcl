# An empty declaration is a declaration: what follows from it is the planner's to judge.
