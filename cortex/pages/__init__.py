"""Shows people who are signed in their home page, and the lists and details of POVs and TRRs.

views      the pages
work       what the home page shows of the person's work (profile: of the person; alerts: of attacks)
table      a page of a list for its template: headings, cells, links
listings   which records a list has, page by page, and only what the person may see
columns    what the columns of a list show; asked: what the address of a list asks for
"""
